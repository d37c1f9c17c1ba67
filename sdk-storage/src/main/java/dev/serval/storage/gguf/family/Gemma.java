package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StoredModel;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** Gemma 1 to 3, whose converters add 1 to the gains of norms. */
final class Gemma {
  private static final long LAYERS_OF_LARGEST_2 = 46;
  private static final long LAYERS_OF_LARGEST_3 = 62;
  private static final long WINDOW = 4096;
  private static final double SCORE_CAP = 50;
  private static final double LOGIT_CAP = 30;

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gemma", "GemmaForCausalLM", "gemma")
              .activation("gelu_pytorch_tanh")
              .own(Gemma::gains),
          Description.of("gemma2", "Gemma2ForCausalLM", "gemma2")
              .activation("gelu_pytorch_tanh")
              .names(OwnNames.END_NORMS)
              .translates(Keys.SCORE_CAP, Keys.LOGIT_CAP)
              .window(Windows::any)
              .own(Gemma::gemma2),
          Description.of("gemma3", "Gemma3ForCausalLM", "gemma3_text")
              .activation("gelu_pytorch_tanh")
              .names(OwnNames.END_NORMS)
              .window(Windows::any)
              .own(Gemma::gemma3));

  private Gemma() {}

  private static void gains(StoredModel model, Fields fields) {
    fields.put("norm_gains_less_one", false);
  }

  private static void gemma2(StoredModel model, Fields fields) {
    gains(model, fields);
    ModelMetadata metadata = model.metadata();
    fields.putIfAbsent("sliding_window", WINDOW);
    fields.put("attn_logit_softcapping", metadata.real(Keys.SCORE_CAP, SCORE_CAP));
    fields.put("final_logit_softcapping", metadata.real(Keys.LOGIT_CAP, LOGIT_CAP));
    scoreDivisor(model, LAYERS_OF_LARGEST_2, fields);
  }

  private static void gemma3(StoredModel model, Fields fields) {
    gains(model, fields);
    ModelMetadata metadata = model.metadata();
    metadata
        .natural(Keys.WINDOW_PATTERN)
        .ifPresent(period -> fields.put("sliding_window_pattern", period));
    metadata.real(Keys.WINDOW_THETA).ifPresent(theta -> fields.put("rope_local_base_freq", theta));
    scoreDivisor(model, LAYERS_OF_LARGEST_3, fields);
  }

  /** The largest model alone divides scores by something else than a head's size. */
  private static void scoreDivisor(StoredModel model, long layersOfLargest, Fields fields) {
    boolean largest = model.storedLayers() == layersOfLargest;
    fields.put("query_pre_attn_scalar", largest ? model.hidden() / model.heads() : model.headDim());
  }
}
