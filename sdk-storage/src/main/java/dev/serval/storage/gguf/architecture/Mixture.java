package dev.serval.storage.gguf.architecture;

import java.util.List;
import java.util.Map;

/** Single models whose layers all have experts: gpt-oss and MiniMax-M2. */
final class Mixture {
  private static final Map<String, String> GPT_OSS_ROUTER = Map.of("ffn_gate_inp", "mlp.router");

  private static final Map<String, String> MINIMAX_BIAS =
      Map.of("exp_probs_b", "block_sparse_moe.e_score_correction_bias");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("gpt-oss", "GptOssForCausalLM", "gpt_oss")
              .names(OwnNames.POST_ATTENTION)
              .names(GPT_OSS_ROUTER)
              .window(Windows::any)
              .experts(OwnNames.EXPERTS, Experts::ofOneWidth)
              .own(Windows::required),
          Description.of("minimax-m2", "MiniMaxM2ForCausalLM", "minimax_m2")
              .names(OwnNames.MIXTRAL_ROUTER)
              .names(MINIMAX_BIAS)
              .experts(OwnNames.MIXTRAL_EXPERTS, Mixture::miniMaxExperts, Keys.SCORING));

  private Mixture() {}

  private static void miniMaxExperts(StoredModel model, Fields fields) {
    model.experts().requireSigmoid();
    Experts.ofOneWidth(model, fields);
  }
}
