package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.LatentAttention;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;

/** MiniCPM, of whose third generation files do not say by what parts are multiplied. */
final class MiniCpm {
  private static final double EMBEDDINGS_OF_3 = 12;
  private static final double DEPTH_OF_3 = 1.4;
  private static final double WIDTH_OF_3 = 256;

  static final List<Architecture> ALL =
      Description.all(
          Description.of("minicpm", "MiniCPMForCausalLM", "minicpm")
              .positions(Positions.NEIGHBOURS)
              .translates(Keys.EMBEDDING_SCALE, Keys.RESIDUAL_SCALE, Keys.LOGIT_SCALE)
              .own(MiniCpm::multiplied),
          Description.of("minicpm3", "MiniCPM3ForCausalLM", "minicpm3")
              .positions(Positions.LATENT)
              .names(LatentAttention.NAMES)
              .own(MiniCpm::latent));

  private MiniCpm() {}

  private static void multiplied(StoredModel model, Fields fields) {
    ModelMetadata metadata = model.metadata();
    double branches = metadata.requireReal(Keys.RESIDUAL_SCALE);
    fields.put("scale_emb", metadata.requireReal(Keys.EMBEDDING_SCALE));
    fields.put("scale_depth", branches * Math.sqrt((double) model.layers()));
    fields.put("dim_model_base", model.hidden() / metadata.requireReal(Keys.LOGIT_SCALE));
  }

  /**
   * Those who run such files multiply all of them by these. A head's value has as many dimensions
   * as a row has for it.
   */
  private static void latent(StoredModel model, Fields fields) {
    LatentAttention.translate(model, stored -> stored.hidden() / stored.heads(), fields);
    fields.put("rope_interleaved", false);
    fields.put("scale_emb", EMBEDDINGS_OF_3);
    fields.put("scale_depth", DEPTH_OF_3);
    fields.put("dim_model_base", WIDTH_OF_3);
  }
}
