package dev.serval.models.decoder.traits;

import dev.serval.api.compute.AttentionSpec;

/**
 * What keeps scores and logits small; infinite where nothing does.
 *
 * @param scores the cap of attention's scores
 * @param logits that of logits
 */
public record Softcaps(float scores, float logits) {
  static final Softcaps NONE = new Softcaps(AttentionSpec.NO_SOFTCAP, AttentionSpec.NO_SOFTCAP);
}
