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
import java.util.Map;

/**
 * Gemma 3n. What a file does not say is as llama.cpp takes it, which reads next to nothing of what
 * sets the architecture apart.
 */
final class Gemma3n {
  private static final long PERIOD = 5;
  private static final long KEEPING = 20;
  private static final long INPUTS = 256;
  private static final long STREAMS = 4;
  private static final double LOGIT_CAP = 30;
  private static final double THETA = 10_000;
  private static final String SPARSITY = "activation_sparsity_scale";

  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("altup_proj", "model.altup_projections"),
          Map.entry("altup_unembd_proj", "model.altup_unembed_projections"),
          Map.entry("altup_router_norm", "altup.router_norm"),
          Map.entry("altup_router", "altup.modality_router"),
          Map.entry("altup_predict_coef", "altup.prediction_coefs"),
          Map.entry("altup_correct_coef", "altup.correction_coefs"),
          Map.entry("altup_correct_scale", "altup.correct_output_scale"),
          Map.entry("laurel_l", "laurel.linear_left"),
          Map.entry("laurel_r", "laurel.linear_right"),
          Map.entry("laurel_post_norm", "laurel.post_laurel_norm"));

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gemma3n", "Gemma3nForCausalLM", "gemma3n_text")
              .activation("gelu_pytorch_tanh")
              .names(OwnNames.END_NORMS)
              .names(OwnNames.LAYER_INPUTS)
              .names(NAMES)
              .width(model -> model.ofEachLayer(Keys.WIDTH).getFirst())
              .translates(Keys.LOGIT_CAP)
              .window(Windows.butEvery(PERIOD))
              .own(Gemma3n::translate));

  private Gemma3n() {}

  private static void translate(StoredModel model, Fields fields) {
    ModelMetadata metadata = model.metadata();
    long sharing = Math.max(0, model.layers() - KEEPING);
    fields.put("num_kv_shared_layers", metadata.natural(Keys.SHARING_LAYERS).orElse(sharing));
    fields.put("hidden_size_per_layer_input", metadata.natural(Keys.LAYER_INPUTS).orElse(INPUTS));
    fields.put("altup_num_inputs", metadata.natural("altup.num_inputs").orElse(STREAMS));
    fields.put("altup_active_idx", metadata.natural("altup.active_idx").orElse(0L));
    fields.put("rope_local_base_freq", metadata.real(Keys.WINDOW_THETA, THETA));
    fields.put("final_logit_softcapping", metadata.real(Keys.LOGIT_CAP, LOGIT_CAP));
    metadata.reals(SPARSITY, model.layers()).ifPresent(scales -> fields.put(SPARSITY, scales));
    if (metadata.isArray(Keys.WIDTH)) {
      fields.put("intermediate_size", model.ofEachLayer(Keys.WIDTH));
    }
  }
}
