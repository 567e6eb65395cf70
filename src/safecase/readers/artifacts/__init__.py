"""Model files, whatever their format: what a loader would act upon, without loading them."""
