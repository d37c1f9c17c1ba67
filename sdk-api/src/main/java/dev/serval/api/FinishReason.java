package dev.serval.api;

/** Why a choice ended. */
public enum FinishReason {
  /** The model ended it, or a stop string or stop token was met. */
  STOP,
  /** The limit of tokens, or the model's context, was reached. */
  LENGTH,
  /** The caller closed the generation, or the runtime was closed under it. */
  CANCELLED,
  /** Its deadline passed, while it waited or while it ran. */
  DEADLINE
}
