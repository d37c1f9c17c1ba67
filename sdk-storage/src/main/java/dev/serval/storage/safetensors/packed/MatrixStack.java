package dev.serval.storage.safetensors.packed;

import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.safetensors.packed.ExpertStacks.Rows;

/** Equal matrices in one tensor, one for each expert. */
sealed interface MatrixStack permits BlockStack, TransposedStack {
  /** How many there are. */
  long experts();

  /** How many rows each has. */
  long rows();

  /** Some rows of one of them, under a name. */
  StoredTensor matrix(String name, int expert, Rows some);
}
