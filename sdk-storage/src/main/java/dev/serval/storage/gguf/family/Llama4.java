package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.ModelMetadata;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Llama 4, of whose chunks, norms and growing queries files say nothing: they are llama.cpp's. */
final class Llama4 {
  private static final String EXPERT_INTERVAL = "interleave_moe_layer_step";
  private static final long CHUNK = 8192;
  private static final long PERIOD = 4;

  /** So many experts has the model whose queries and keys are not normalised. */
  private static final long WITHOUT_NORMS = 128;

  private static final Map<String, String> NAMES =
      Map.of(
          "ffn_gate", "feed_forward.gate_proj",
          "ffn_up", "feed_forward.up_proj",
          "ffn_down", "feed_forward.down_proj",
          "ffn_gate_inp", "feed_forward.router",
          "ffn_gate_shexp", "feed_forward.shared_expert.gate_proj",
          "ffn_up_shexp", "feed_forward.shared_expert.up_proj",
          "ffn_down_shexp", "feed_forward.shared_expert.down_proj");

  private static final Map<String, String> EXPERTS =
      Map.of(
          "ffn_gate_exps", "feed_forward.experts.%d.gate_proj",
          "ffn_up_exps", "feed_forward.experts.%d.up_proj",
          "ffn_down_exps", "feed_forward.experts.%d.down_proj");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("llama4", "Llama4ForCausalLM", "llama4_text")
              .positions(Positions.NEIGHBOURS)
              .names(NAMES)
              .window(Llama4::chunks)
              .experts(EXPERTS, Llama4::experts, EXPERT_INTERVAL, Keys.SCORING));

  private Llama4() {}

  /** A window of 0 stands for none, and positions turn heads in all layers then. */
  private static void chunks(StoredModel model, Fields fields) {
    ModelMetadata metadata = model.metadata();
    long window = metadata.natural(Keys.WINDOW).orElse(CHUNK);
    int layers = Math.toIntExact(model.layers());
    if (window == 0) {
      fields.put("layer_types", Collections.nCopies(layers, "full_attention"));
      fields.put("no_rope_layers", Collections.nCopies(layers, 1L));
      return;
    }
    if (window != CHUNK) {
      throw metadata.problem(
          Keys.WINDOW, "is %d; it must be 0, %d or missing".formatted(window, CHUNK));
    }
    if (metadata.has(Keys.WINDOW_PATTERN)
        && (metadata.isArray(Keys.WINDOW_PATTERN)
            || metadata.number(Keys.WINDOW_PATTERN) != PERIOD)) {
      throw metadata.problem(
          Keys.WINDOW_PATTERN, "is there; it must be %d or missing".formatted(PERIOD));
    }
    fields.put("attention_chunk_size", CHUNK);
  }

  private static void experts(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    experts.requireSigmoid();
    experts.putCounts(fields, "num_local_experts");
    fields.put("intermediate_size", experts.width());
    fields.put("intermediate_size_mlp", model.width());
    fields.put(EXPERT_INTERVAL, model.metadata().requirePositive(EXPERT_INTERVAL));
    fields.put("use_qk_norm", experts.count() != WITHOUT_NORMS);
  }
}
