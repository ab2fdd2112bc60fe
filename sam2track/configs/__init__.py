"""What a user chooses: one YAML file for each command, one folder for each group of choices."""
