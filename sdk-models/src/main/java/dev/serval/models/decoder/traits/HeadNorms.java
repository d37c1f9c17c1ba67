package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionSpec.NormPlace;

/** How queries and keys are normalised, most of them before they are turned. */
public enum HeadNorms {
  /** Not at all. */
  NONE,
  /** Each head, all of them with the same gains. */
  EACH,
  /** Likewise, once it is turned. */
  EACH_BEHIND,
  /** Likewise, without gains, in layers that turn heads alone. */
  BARE_BEHIND,
  /** All heads of a row together. */
  TOGETHER;

  /** Whether they come before heads are turned or behind that. */
  public NormPlace place() {
    return switch (this) {
      case NONE, EACH, TOGETHER -> NormPlace.BEFORE_ROTATION;
      case EACH_BEHIND, BARE_BEHIND -> NormPlace.BEHIND_ROTATION;
    };
  }
}
