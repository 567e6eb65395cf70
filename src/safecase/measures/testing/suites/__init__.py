"""Business test sets asked of a service: what each answer lacks, how sure the share is, what changed since before."""
