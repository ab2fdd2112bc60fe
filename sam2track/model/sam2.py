"""SAM 2, the whole network. It keeps no state between frames.

SAM 2 (2408.00714) in five steps: encode a frame, attend to memories, decode candidates, resolve
the choice among them, memorise the outcome. :meth:`SAM2.adopt` instead takes the user's
mask as the outcome. The computations of :meth:`~SAM2.encode`, :meth:`~SAM2.condition`,
:meth:`~SAM2.predict` and :meth:`~SAM2.spatial_memory` are what :mod:`sam2track.export` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from ..types import (
    Candidates,
    Choice,
    FrameFeatures,
    MemoryFrame,
    PromptTokens,
    Recall,
    Resolved,
    WindowBox,
)
from . import cuda_graphs, onednn, unprompted
from .cuda_graphs import graphed
from .image_transform import ImageTransform, Window, prepare_image
from .layers import MLP, lower_weights
from .mask_decoder import MaskDecoder, ambiguous, clear_or_best, inside_boxes
from .memory_attention import MemoryAttention, MemoryBatch, MemoryTokens
from .memory_encoder import MemoryEncoder, appearance, mask_input
from .prompt_encoder import LARGEST_LOGIT, NOT_A_POINT, PromptEncoder
from .variants import Variant

ABSENT = -1024.0  # mask logit of an object that is not in the frame
CERTAIN = 10.0  # mask logit of a pixel the user gave: sigmoid(10) = 0.99995


class SAM2(nn.Module):
    """The promptable video segmentation network of one variant.

    Attributes ``mean``, ``std``: of colours, RGB in 0..1, of shape (3, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        width, grid = variant.width, variant.grid
        self.variant = variant
        self.precision = torch.float32  # of the computation, under autocast
        self.compiled = False
        self.cuda_graphs = True  # on a CUDA device steps are recorded
        self.memory_dtype = torch.bfloat16  # half the memory; the released code does the same
        # Below this stability another mask replaces the clear one on a picture; 0 = never.
        self.picture_stability = 0.98
        self.trunk = variant.trunk.build()
        self.neck = variant.neck(variant.trunk.channels, width)
        self.transform = variant.transform(variant.image_size)
        self.picture_transform = variant.picture_transform(variant.image_size)
        self.automatic = variant.automatic
        self.compression = variant.compression(variant.memory_width, grid)
        self.memory_tokens = MemoryTokens(
            width, self.compression.positions, variant.slots, variant.sam2_1_embeddings
        )
        self.memory_attention = MemoryAttention(
            width,
            variant.memory_width,
            variant.memory_mlp,
            layers=variant.memory_layers,
            grid=grid,
            memory_places=self.compression.places,
            dropout=variant.dropout,
            pooling=variant.pooling,
            rotary_side=variant.rotary_side,
        )
        self.prompt_encoder = PromptEncoder(width, variant.image_size, grid)
        skips = variant.trunk.channels.keys() >= {4, 8}
        self.mask_decoder = MaskDecoder(
            width, variant.decoder_heads, variant.decoder_mlp, variant.score_mlp, skips=skips
        )
        self.memory_encoder = MemoryEncoder(width, variant.memory_width)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.pointer_projection = MLP(width, width, width, width)
        self.no_memory = nn.Parameter(torch.zeros(1, 1, width))
        self.no_pointer = nn.Parameter(torch.zeros(1, width))
        absent = nn.Parameter(torch.zeros(1, variant.memory_width))
        self.absent_memory = absent if variant.sam2_1_embeddings else None
        for embedding in (self.no_memory, self.no_pointer, self.absent_memory):
            if embedding is not None:
                nn.init.trunc_normal_(embedding, std=0.02)
        mean, std = torch.tensor(variant.mean), torch.tensor(variant.std)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    def lower(self, precision: torch.dtype) -> None:
        """Compute in ``precision`` from now on, under :func:`sam2track.device.autocast`.

        Weights that autocast would convert at every call are converted once. Such a model is for
        tracking, not for training or saving.
        """
        self.precision = precision
        lower_weights(self, precision)
        cuda_graphs.forget(self)

    def pool_memory(self, side: int) -> None:
        """See :meth:`MemoryAttention.pool`."""
        self.memory_attention.pool(side)
        cuda_graphs.forget(self)

    def compile_parts(self) -> None:
        """Compile the encoder and every part of a step; varying lengths stay dynamic.

        On a CUDA device what is recorded as graphs is compiled instead, with its lengths.
        """
        self.compiled = True
        if self.device.type == "cuda":
            return
        for part in (self.trunk, self.neck):
            part.compile(dynamic=False)
        for part in (self.memory_attention, self.mask_decoder, self.memory_encoder):
            part.compile(dynamic=True)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.no_memory.device

    @property
    def rows_at_once(self) -> int | None:
        """How many rows one pass should take; None = all.

        On a CPU the rows of a large model are faster one by one, since they fit into its cache.
        """
        return 1 if self.device.type == "cpu" and not self.variant.coarse else None

    @property
    def small_on_cpu(self) -> bool:
        """Whether its operations are too short to be split between CPU cores one by one.

        Then frames are encoded ahead in a thread, where a compilation could not be interrupted, and
        objects are divided among threads.
        """
        return self.device.type == "cpu" and self.rows_at_once is None and not self.compiled

    def transform_of(self, window: WindowBox | None) -> ImageTransform:
        """How a part of the frame becomes the square input; None = the whole frame."""
        return self.transform if window is None else Window(self.variant.image_size, *window)

    def prepare(
        self, image: UInt8[Tensor, "H W 3"], window: WindowBox | None = None
    ) -> Float[Tensor, "1 3 S S"]:
        """An RGB image, or a window of it, as the encoder takes it: a normalised square."""
        return prepare_image(image, self.transform_of(window), self.mean, self.std)

    def prepare_picture(self, image: UInt8[Tensor, "H W 3"]) -> Float[Tensor, "1 3 S S"]:
        """An RGB picture of its own, resized by :attr:`picture_transform`."""
        return prepare_image(image, self.picture_transform, self.mean, self.std)

    @graphed
    def encode(self, image: Float[Tensor, "B 3 S S"]) -> FrameFeatures:
        """Features of prepared images: one image for each window, or in training for each row."""
        pyramid = self.neck(self.trunk(image), self.mask_decoder.skips)
        return FrameFeatures(*(pyramid[stride] for stride in (16, *self.mask_decoder.skips)))

    def attend(
        self, features: FrameFeatures, recalls: Sequence[Recall]
    ) -> Float[Tensor, "R C h w"]:
        """Features conditioned on what each row recalls; the recalls must have one shape."""
        if not recalls[0].memories:
            conditioned = features.stride16 + self.no_memory.flatten()[:, None, None]
            return conditioned.expand(len(recalls), -1, -1, -1)
        return self.condition(features, recalls)

    def begin(self, features: FrameFeatures) -> FrameFeatures:
        """The features with the part of :meth:`attend` that depends on them alone."""
        return replace(features, begun=self.memory_attention.begin(features.stride16))

    def condition(
        self, features: FrameFeatures, recalls: Sequence[Recall]
    ) -> Float[Tensor, "R C h w"]:
        """:meth:`attend` where every row recalls memories."""
        begun, most = features.begun, self.rows_at_once or len(recalls)
        if begun is None and (len(recalls) <= most or self.compiled):
            return self._condition(features.stride16, self.memory_tokens(recalls))
        begun = self.memory_attention.begin(features.stride16) if begun is None else begun
        parts = []
        for start in range(0, len(recalls), most):
            own = begun[start : start + most] if len(begun) > 1 else begun
            batch = self.memory_tokens(recalls[start : start + most])
            parts.append(self.memory_attention.finish(own, batch))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @graphed
    def _condition(
        self, stride16: Float[Tensor, "#R C h w"], batch: MemoryBatch
    ) -> Float[Tensor, "R C h w"]:
        return self.memory_attention(stride16, batch)

    def decode(
        self,
        conditioned: Float[Tensor, "R C h w"],
        features: FrameFeatures,
        prompts: PromptTokens | None = None,
        *,
        stability_delta: float = 0.05,
        stability_threshold: float = 0.0,
    ) -> Candidates:
        """Candidate masks: three while the prompt is ambiguous (at most one point), else one.

        Without prompts the object is tracked, with three candidates too, as the released weights
        expect (``multimask_output_for_tracking``). The thresholds are those of
        :func:`clear_or_best`; ``stability_threshold`` = 0 never replaces the clear mask.
        """
        if prompts is None:
            return ambiguous(self.predict_unprompted(conditioned, features))
        candidates = self._predict_inside_boxes(conditioned, features, prompts)
        if prompts.labels.shape[1] > 1:
            return clear_or_best(candidates, stability_delta, stability_threshold)
        return ambiguous(candidates)

    def _predict_inside_boxes(
        self, conditioned: Float[Tensor, "R C h w"], features: FrameFeatures, prompts: PromptTokens
    ) -> Candidates:
        """:meth:`predict`, of some models only what lies inside the boxes that were given.

        Not in training: there the network shall learn that nothing else belongs to the object.
        """
        candidates = self.predict(conditioned, features, prompts)
        if self.variant.box_reach is None or self.training:
            return candidates
        return inside_boxes(candidates, prompts, self.variant.box_reach)

    def predict(
        self, conditioned: Float[Tensor, "R C h w"], features: FrameFeatures, prompts: PromptTokens
    ) -> Candidates:
        """All four candidate masks; the first is the one for a clear prompt."""
        return self.mask_decoder(conditioned, features, *self.prompt_encoder(prompts))

    @graphed
    def predict_unprompted(
        self, conditioned: Float[Tensor, "R C h w"], features: FrameFeatures
    ) -> Candidates:
        """:meth:`predict` of objects that are tracked."""
        if self.compiled or not onednn.can_fuse(conditioned, self.mask_downsample.weight):
            return self.predict(conditioned, features, self.no_prompts(len(conditioned)))
        return unprompted.predict(self.prompt_encoder, self.mask_decoder, conditioned, features)

    def decode_picture(
        self, features: FrameFeatures, prompts: PromptTokens, *, multimask: bool
    ) -> Candidates:
        """Candidate masks on a picture of its own, where nothing is recalled.

        Args:
            features: of one image.
            multimask: three masks for an ambiguous prompt; else one for a clear prompt, or the best
                of the three where that one is unstable, as the released image predictor does.
        """
        if prompts.mask is not None:
            prompts = replace(prompts, mask=prompts.mask.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))
        conditioned = self.attend(features, [Recall((), (), (), ())] * len(prompts.labels))
        candidates = self._predict_inside_boxes(conditioned, features, prompts)
        if multimask:
            return ambiguous(candidates)
        return clear_or_best(candidates, 0.05, self.picture_stability)

    def no_prompts(self, rows: int) -> PromptTokens:
        """The prompt encoder's input where there is no prompt."""
        labels = torch.full((rows, 1), NOT_A_POINT, device=self.device)
        return PromptTokens(torch.zeros(rows, 1, 2, device=self.device), labels)

    @graphed
    def resolve(self, candidates: Candidates, choice: Choice) -> Resolved:
        """The chosen mask of each row, with its pointer; emptied where the object is absent."""
        rows, picks, present = choice.parents, choice.picks, choice.present[:, None]
        logits = candidates.masks[rows, picks][:, None].float()
        pointers = self.pointer_projection(candidates.tokens[rows, picks])
        return Resolved(
            logits=torch.where(present[..., None, None], logits, ABSENT),
            pointers=torch.where(present, pointers, self.no_pointer.to(pointers.dtype)),
            scores=candidates.scores[rows, picks].float(),
            presence=candidates.presence[rows].float(),
        )

    def adopt(self, features: FrameFeatures, mask: Bool[Tensor, "R 1 S S"]) -> Resolved:
        """The user's mask as the outcome; the decoder only gives the pointer.

        A row whose mask is empty becomes an absent object, which training needs.
        """
        mask = mask.float()
        logits = (2 * CERTAIN) * mask - CERTAIN
        side = mask.shape[-1] // 4
        logits = F.interpolate(logits, (side, side), mode="bilinear", antialias=True)
        prompts = replace(self.no_prompts(len(mask)), mask=self.mask_downsample(mask))
        stride16 = features.stride16.expand(len(mask), -1, -1, -1)
        candidates = self.predict(stride16, features, prompts)
        given = mask.flatten(1).amax(1, keepdim=True) > 0  # (R, 1)
        present = given & (candidates.presence > 0)
        pointers = self.pointer_projection(candidates.tokens[:, 0])
        return Resolved(
            logits=logits,
            pointers=torch.where(present, pointers, self.no_pointer.to(pointers.dtype)),
            scores=torch.ones(len(mask), device=mask.device),
            presence=torch.where(given, CERTAIN, -CERTAIN),
        )

    def memorise(
        self, features: FrameFeatures, resolved: Resolved, *, index: int, from_prompt: bool
    ) -> list[MemoryFrame]:
        """One memory per row. Masks from prompts are thresholded at zero, as shown to the user."""
        tokens = self.spatial_memory(features.stride16, resolved, from_prompt)
        tokens = tokens if self.training else tokens.to(self.memory_dtype)
        parts = (tokens, resolved.pointers, resolved.scores, resolved.presence[:, 0])
        if from_prompt and not self.training:
            parts = (*parts, appearance(features.stride16, resolved.logits)[:, 0])
        return [MemoryFrame(index, *row) for row in zip(*parts, strict=True)]

    @graphed
    def spatial_memory(
        self, stride16: Float[Tensor, "#R C h w"], resolved: Resolved, from_prompt: bool
    ) -> Float[Tensor, "R T D"]:
        """The tokens of the rows' memories."""
        mask = mask_input(resolved.logits, self.variant.image_size, binary=from_prompt)
        memory = self.memory_encoder(stride16, mask)
        if self.absent_memory is not None:
            absent = (resolved.presence <= 0)[..., None, None]
            memory = memory + absent * self.absent_memory[..., None, None]
        return self.compression(memory)
