"""Who supplies models, data and tools: a register with answers, evidence that ages, and a status that follows."""
