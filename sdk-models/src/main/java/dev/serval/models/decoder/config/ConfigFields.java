package dev.serval.models.decoder.config;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Fields that configurations of any family may carry without changing what the model computes.
 *
 * <p>A field that is neither read by a family nor listed here is refused: it may ask for something
 * that the forward pass does not do, and an answer that is subtly wrong is worse than none.
 */
final class ConfigFields {
  /** Bookkeeping, training, token ids (the tokenizer's business) and defaults for generation. */
  private static final Set<String> HARMLESS =
      Set.of(
          "transformers_version",
          "torch_dtype",
          "dtype",
          "name_or_path",
          "unsloth_version",
          "unsloth_fixed",
          "is_llama_config",
          "attn_implementation",
          "aux_loss_alpha",
          "seq_aux",
          "ep_size",
          "use_cache",
          "gradient_checkpointing",
          "initializer_range",
          "cache_implementation",
          "attention_dropout",
          "output_router_logits",
          "router_aux_loss_coef",
          "router_jitter_noise",
          "hidden_dropout",
          "resid_pdrop",
          "embd_pdrop",
          "attn_pdrop",
          "attention_probs_dropout_prob",
          "hidden_dropout_prob",
          "custom_pipelines",
          "classifier_dropout",
          "summary_type",
          "summary_use_proj",
          "summary_activation",
          "summary_first_dropout",
          "summary_proj_to_labels",
          "pretraining_tp",
          "is_decoder",
          "bos_token_id",
          "eos_token_id",
          "pad_token_id",
          "sep_token_id",
          "unk_token_id",
          "cls_token_id",
          "decoder_start_token_id",
          "tokenizer_class",
          "model_max_length",
          "prefix",
          "task_specific_params",
          "problem_type",
          "finetuning_task",
          "id2label",
          "label2id",
          "num_labels",
          "return_dict",
          "return_dict_in_generate",
          "output_attentions",
          "output_hidden_states",
          "output_scores",
          "torchscript",
          "use_bfloat16",
          "tf_legacy_loss",
          "max_length",
          "min_length",
          "max_new_tokens",
          "do_sample",
          "early_stopping",
          "num_beams",
          "num_beam_groups",
          "num_return_sequences",
          "diversity_penalty",
          "temperature",
          "top_k",
          "top_p",
          "min_p",
          "typical_p",
          "repetition_penalty",
          "length_penalty",
          "no_repeat_ngram_size",
          "encoder_no_repeat_ngram_size",
          "bad_words_ids",
          "suppress_tokens",
          "begin_suppress_tokens",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "remove_invalid_values",
          "exponential_decay_length_penalty");

  /** Fields that say nothing as long as they have this value. */
  private static final Map<String, Object> NEUTRAL =
      Map.ofEntries(
          Map.entry("is_encoder_decoder", false),
          Map.entry("add_cross_attention", false),
          Map.entry("tie_encoder_decoder", false),
          Map.entry("pruned_heads", Map.of()),
          Map.entry("chunk_size_feed_forward", 0),
          Map.entry("attention_bias", false),
          Map.entry("mlp_bias", false),
          Map.entry("use_sliding_window", false),
          Map.entry("use_mrope", false),
          Map.entry("use_qk_norm", false),
          Map.entry("qkv_together", false),
          Map.entry("qk_layernorm", false),
          Map.entry("alibi", false),
          Map.entry("apply_residual_connection_post_layernorm", false),
          Map.entry("scale_attn_weights", true),
          Map.entry("scale_attn_by_inverse_layer_idx", false),
          Map.entry("maps_by_input", false),
          Map.entry("use_bidirectional_attention", false),
          Map.entry("norm_gains_less_one", false),
          Map.entry("rope_interleaved", false),
          Map.entry("kv_b_apart", false),
          Map.entry("lm_head_bias", false),
          Map.entry("decoder_sparse_step", 1),
          Map.entry("mlp_only_layers", List.of()),
          Map.entry("n_group", 1),
          Map.entry("topk_group", 1),
          Map.entry("moe_layer_freq", 1),
          Map.entry("moe_layer_interval", 1),
          Map.entry("num_nextn_predict_layers", 0),
          Map.entry("full_attn_mod", 1),
          Map.entry("interpolate_factor", 1));

  private ConfigFields() {}

  /**
   * Whether a field may say what it likes. Names that begin with an underscore are private notes.
   */
  static boolean harmless(String field) {
    return field.startsWith("_") || HARMLESS.contains(field);
  }

  /** The one value with which a field changes nothing; null if there is none. */
  static @Nullable Object neutral(String field) {
    return NEUTRAL.get(field);
  }
}
