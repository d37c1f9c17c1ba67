package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.LatentAttention;
import dev.serval.storage.gguf.architecture.Positions;
import java.util.List;

/** PLM. */
final class Plm {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("plm", "PLMForCausalLM", "plm")
              .positions(Positions.LATENT)
              .activation("relu2")
              .names(LatentAttention.NAMES)
              .own(LatentAttention::translate));

  private Plm() {}
}
