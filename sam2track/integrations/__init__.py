"""The models inside other annotation tools: CVAT and Label Studio (docs/integrations.md)."""
