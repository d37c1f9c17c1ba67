package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** MiniMax-M2. */
final class MiniMax {
  private static final Map<String, String> CHOICE_BIAS =
      Map.of("exp_probs_b", "block_sparse_moe.e_score_correction_bias");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("minimax-m2", "MiniMaxM2ForCausalLM", "minimax_m2")
              .names(OwnNames.MIXTRAL_ROUTER)
              .names(CHOICE_BIAS)
              .experts(OwnNames.MIXTRAL_EXPERTS, MiniMax::experts, Keys.SCORING));

  private MiniMax() {}

  private static void experts(StoredModel model, Fields fields) {
    model.experts().requireSigmoid();
    Experts.ofOneWidth(model, fields);
  }
}
