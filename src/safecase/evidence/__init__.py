"""What checks saw, kept so that it cannot be quietly changed: records, the ledger, its seal, where evidence stands."""
