"""Everything that needs torch and MONAI: data, losses, terms, recipes, trainer, prediction."""
