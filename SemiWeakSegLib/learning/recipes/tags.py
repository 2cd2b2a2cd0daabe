"""From image tags to a segmentation: classify, locate, learn from what was located."""

from __future__ import annotations

from ...methods import terms as term_settings
from ...methods.tags import Tags
from ..classifier import local_levels
from ..seeds import SeedRule, seeds_path, write_seeds
from ..stages import Stage, Workshop
from ..tags import check_tags, tagged_cases
from ..terms import SizeTerm, TagClassificationTerm, Term
from ..terms.crf import crf_term
from .segmenters import segmenter, supervision
from .sizes import size_weight


def tags(settings: Tags, workshop: Workshop) -> list[Stage]:
    """Two stages: a classifier of everything tagged, then a segmenter of seeds and labels."""
    training = sorted({*workshop.labeled, *workshop.unlabeled})
    tagged = tagged_cases(workshop.store, training)
    if not tagged:
        raise ValueError("no training case has image tags: say which classes images show")
    notes = check_tags(workshop.store, tagged)
    seeded = [index for index in tagged if index not in set(workshop.labeled)]
    rule = SeedRule(
        kind=settings.evidence,
        rounds=settings.erasing_rounds,
        object_threshold=settings.object_threshold,
        background_threshold=settings.background_threshold,
        saliency=settings.saliency,
        saliency_threshold=settings.saliency_threshold,
    )
    network = workshop.plan.network
    levels = local_levels(network["strides"], workshop.plan.patch_size)
    first = Stage(
        name="classifier",
        share=settings.classifier_share,
        network={
            "name": "classifier",
            "dimensions": workshop.plan.dimensions,
            "in_channels": workshop.plan.channels_in,
            "classes": workshop.plan.num_classes - 1,
            "channels": network["channels"][:levels],
            "strides": [list(stride) for stride in network["strides"]],
            "pooling": settings.pooling,
        },
        make_terms=lambda: [TagClassificationTerm(tagged)],
        labeled=tagged,
        augmentation=settings.augmentation,
        average=settings.average_weights,
        finish=lambda shop: write_seeds(shop.load_stage(first), shop, seeded, rule, notes),
    )

    def terms() -> list[Term]:
        made: list[Term] = [supervision(settings)]
        if settings.crf_weight > 0:
            made.append(crf_term(settings, settings.crf_weight, ramp=settings.ramp))
        weight = size_weight(settings, workshop.plan.dimensions)
        if weight > 0:
            size = term_settings.SizeTerm(penalty=settings.penalty, ramp=settings.ramp)
            made.append(SizeTerm(size, weight))
        return made

    second = segmenter(
        settings,
        workshop,
        terms,
        labeled=sorted({*workshop.labeled, *seeded}),
        unlabeled=[index for index in workshop.unlabeled if index not in set(seeded)],
        share=1 - settings.classifier_share,
        prepare=lambda shop: shop.store.use_proposals(
            {index: seeds_path(shop, index) for index in seeded}
        ),
    )
    return [first, second]
