import anthropic

JUDGE_MODEL = "claude-3-5-haiku-20241022"
