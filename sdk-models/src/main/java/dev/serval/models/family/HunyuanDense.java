package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.HeadNorms;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.MapNames;
import dev.serval.models.decoder.traits.PartNames;
import dev.serval.models.decoder.traits.RotaryFrequencies.Turning;
import dev.serval.models.decoder.traits.RowNorms;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Hunyuan of one dense part: each query and key head is normalised once it is turned. */
public final class HunyuanDense extends DecoderFamily {
  /** Of code, classifiers and images, names of tokens, and what counts where a flag is set. */
  private static final List<String> OF_NO_USE =
      List.of(
          "auto_map",
          "dense_list",
          "class_num",
          "pool_type",
          "skip_cls_token",
          "org_vocab_size",
          "eod_token_id",
          "pad_id",
          "im_start_id",
          "im_end_id",
          "im_newline_id",
          "text_start_id",
          "text_end_id",
          "mask_init_id",
          "num_media_embeds",
          "cla_share_factor",
          "kv_lora_rank",
          "q_lora_rank",
          "qk_nope_head_dim",
          "qk_rope_head_dim",
          "v_head_dim",
          "xdrope_section");

  private static final PartNames NAMES =
      PartNames.of(
          "self_attn.o_proj",
          MapNames.of("mlp."),
          "model.norm",
          "self_attn.query_layernorm",
          "self_attn.key_layernorm");

  /** For the service loader. */
  public HunyuanDense() {
    super(
        "hunyuan",
        Set.of("HunYuanDenseV1ForCausalLM"),
        Set.of("hunyuan_v1_dense", "hunyuan_dense", "hunyuan"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    if (config.count("num_experts", 1) != 1) {
      throw config.refuse("num_experts", "1 of a model without experts");
    }
    return common(config).build();
  }

  /** What models with experts are like, too. */
  static DecoderTraits.Builder common(ModelConfig config) {
    config.rename(Map.of("head_dim", "attention_head_dim"));
    OF_NO_USE.forEach(config::ignore);
    config.allowOnly(
        false, "use_cla", "use_mla", "add_classification_head", "position_embedding_xdrope");
    config.allowOnly(true, "use_rotary_pos_emb");
    config.choice("norm_type", Set.of("rms"));
    boolean bias = config.flag("attention_bias", false);
    return DecoderTraits.with(LayerWindows.none(config))
        .biases(bias, bias, config.flag("mlp_bias", false))
        .names(NAMES)
        .turning(Turning.HALVES_BY_ALPHA)
        .norms(RowNorms.ROOT_MEAN_SQUARE.larger())
        .headNorms(config.flag("use_qk_norm", true) ? HeadNorms.EACH_BEHIND : HeadNorms.NONE);
  }
}
