"""Co-finetuning on the factor world: an MLP as the trunk, all else as in any co-finetuning."""
