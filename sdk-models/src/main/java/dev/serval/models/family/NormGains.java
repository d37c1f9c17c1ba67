package dev.serval.models.family;

import dev.serval.api.storage.StoredTensor;

/**
 * Makes the gains that a model computes with of those that a checkpoint stores.
 *
 * @param lessOne whether they are stored less 1
 * @param divisor what they are divided by
 */
record NormGains(boolean lessOne, double divisor) {
  /** The gains; the tensor itself where nothing changes. */
  StoredTensor of(StoredTensor stored) {
    return lessOne || divisor != 1
        ? ComputedVector.of(stored, i -> (stored.element(i) + (lessOne ? 1.0 : 0.0)) / divisor)
        : stored;
  }
}
