package dev.serval.storage.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders of models that take images as well as texts. */
final class TextPartTest {
  @TempDir Path folder;

  private Checkpoint open(String config, String... tensors) throws IOException {
    Files.write(
        folder.resolve("model.safetensors"),
        SafetensorsWriter.file(Arrays.stream(tensors).map(TextPartTest::tensor).toList()));
    Files.writeString(folder.resolve("config.json"), config);
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private static StoredTensor tensor(String name) {
    byte[] data = name.substring(name.length() - 4).getBytes(UTF_8);
    return new StoredTensor(name, DType.F32, List.of(1L), MemorySegment.ofArray(data));
  }

  @Test
  void tensors_have_the_names_of_a_model_for_texts_in_either_spelling_and_others_are_left_out()
      throws IOException {
    String config =
        """
        {"architectures": ["Gemma3ForConditionalGeneration"],
         "text_config": {"model_type": "gemma3_text"}}
        """;
    try (Checkpoint older =
        open(
            config,
            "language_model.model.layers.0.mlp.up_proj.weight",
            "language_model.model.norm.weight",
            "language_model.lm_head.weight",
            "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
            "multi_modal_projector.mm_input_projection_weight")) {
      assertThat(older.tensorNames())
          .containsExactly(
              "lm_head.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight");
      assertThat(older.tensor("model.norm.weight").name()).isEqualTo("model.norm.weight");
    }
    try (Checkpoint newer =
        open(
            config,
            "model.language_model.layers.0.mlp.up_proj.weight",
            "model.language_model.embed_tokens.weight",
            "lm_head.weight",
            "model.vision_tower.layers.0.weight",
            "model.multi_modal_projector.weight")) {
      assertThat(newer.tensorNames())
          .containsExactly(
              "lm_head.weight", "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight");
    }
  }

  @Test
  void a_tensor_that_is_there_in_both_spellings_is_refused() {
    assertThatThrownBy(() ->
            open(
                """
                {"architectures": ["Gemma3ForConditionalGeneration"],
                 "text_config": {"model_type": "gemma3_text"}}
                """,
                "language_model.model.norm.weight",
                "model.language_model.norm.weight"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.norm.weight")
        .hasMessageContaining("model.language_model.norm.weight");
  }

  @Test
  void the_configuration_is_that_of_the_part_and_what_is_missing_as_gemma_has_it()
      throws IOException {
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
             "boi_token_index": 255999, "vision_config": {"hidden_size": 1152},
             "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
                             "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                             "sliding_window": 1024}}
            """)) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Gemma3ForCausalLM"))
          .containsEntry("model_type", "gemma3_text")
          .containsEntry("hidden_size", 2560L)
          .containsEntry("sliding_window", 1024L)
          .containsEntry("num_attention_heads", 8L)
          .containsEntry("num_key_value_heads", 4L)
          .containsEntry("head_dim", 256L)
          .containsEntry("rope_theta", 1e6)
          .containsEntry("rope_scaling", Map.of("factor", 8.0, "rope_type", "linear"))
          .doesNotContainKeys("vision_config", "boi_token_index", "text_config");
    }
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Gemma3ForConditionalGeneration"],
             "text_config": {"model_type": "gemma3_text",
                             "rope_parameters": {"full_attention": {"rope_theta": 5e5}}}}
            """)) {
      assertThat(checkpoint.config()).doesNotContainKey("rope_theta");
    }
  }

  @Test
  void gemma3n_takes_other_input_too_and_has_streams_of_its_own() throws IOException {
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Gemma3nForConditionalGeneration"], "model_type": "gemma3n",
             "audio_config": {"hidden_size": 1536}, "vision_config": {"hidden_size": 2048},
             "boa_token_id": 256000, "audio_token_id": 262273,
             "text_config": {"model_type": "gemma3n_text", "num_hidden_layers": 30,
                             "num_kv_shared_layers": 10, "altup_num_inputs": 4}}
            """,
            "model.language_model.altup_projections.0.weight",
            "model.language_model.layers.0.altup.correct_output_scale",
            "model.language_model.per_layer_model_projection.weight",
            "model.audio_tower.conformer.0.norm.weight",
            "model.embed_audio.embedding.weight",
            "model.embed_vision.embedding.weight",
            "model.vision_tower.timm_model.conv_stem.conv.weight")) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Gemma3nForCausalLM"))
          .containsEntry("model_type", "gemma3n_text")
          .containsEntry("num_hidden_layers", 30L)
          .containsEntry("num_kv_shared_layers", 10L)
          .containsEntry("vocab_size", 262_400L)
          .containsEntry("vocab_size_per_layer_input", 262_144L)
          .doesNotContainKeys("audio_config", "boa_token_id", "vision_config");
      assertThat(checkpoint.tensorNames())
          .containsExactly(
              "model.altup_projections.0.weight",
              "model.layers.0.altup.correct_output_scale",
              "model.per_layer_model_projection.weight");
    }
  }

  @Test
  void mistral_small_and_ministral_are_told_apart_by_their_part() throws IOException {
    for (Map.Entry<String, String> part :
        Map.of("mistral", "MistralForCausalLM", "ministral3", "Ministral3ForCausalLM").entrySet()) {
      try (Checkpoint checkpoint =
          open(
              """
              {"architectures": ["Mistral3ForConditionalGeneration"], "tie_word_embeddings": true,
               "quantization_config": {"quant_method": "unknown"}, "spatial_merge_size": 2,
               "text_config": {"model_type": "%s", "hidden_size": 64}}
              """
                  .formatted(part.getKey()))) {
        assertThat(checkpoint.config())
            .containsEntry("architectures", List.of(part.getValue()))
            .containsEntry("model_type", part.getKey())
            .containsEntry("tie_word_embeddings", true)
            .containsEntry("quantization_config", Map.of("quant_method", "unknown"))
            .doesNotContainKey("spatial_merge_size");
      }
    }
  }

  @Test
  void a_qwen_that_has_all_fields_side_by_side_has_positions_of_one_kind() throws IOException {
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl",
             "hidden_size": 64, "image_token_id": 5, "vision_start_token_id": 6,
             "vision_config": {"depth": 32}, "tie_word_embeddings": true,
             "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
            """,
            "model.layers.0.input_layernorm.weight",
            "visual.blocks.0.weight")) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Qwen2ForCausalLM"))
          .containsEntry("model_type", "qwen2")
          .containsEntry("rope_scaling", Map.of("type", "default"))
          .containsEntry("tie_word_embeddings", true)
          .doesNotContainKeys("vision_config", "image_token_id", "vision_start_token_id");
      assertThat(checkpoint.tensorNames()).containsExactly("model.layers.0.input_layernorm.weight");
    }
  }

  @Test
  void qwen35_has_a_part_with_experts_or_without_and_what_predicts_further_tokens_is_left_out()
      throws IOException {
    for (Map.Entry<String, String> part :
        Map.of("Qwen3_5", "qwen3_5_text", "Qwen3_5Moe", "qwen3_5_moe_text").entrySet()) {
      try (Checkpoint checkpoint =
          open(
              """
              {"architectures": ["%sForConditionalGeneration"], "tie_word_embeddings": false,
               "image_token_id": 5, "vision_config": {"depth": 32},
               "text_config": {"model_type": "%s", "hidden_size": 64,
                               "layer_types": ["linear_attention", "full_attention"],
                               "rope_parameters": {"rope_type": "default", "rope_theta": 1e7,
                                                   "partial_rotary_factor": 0.25,
                                                   "mrope_interleaved": true,
                                                   "mrope_section": [11, 11, 10]}}}
              """
                  .formatted(part.getKey(), part.getValue()),
              "model.language_model.layers.0.linear_attn.A_log",
              "model.language_model.layers.1.self_attn.q_proj.weight",
              "lm_head.weight",
              "model.visual.blocks.0.norm1.weight",
              "mtp.layers.0.self_attn.q_proj.weight",
              "mtp.norm.weight")) {
        assertThat(checkpoint.config())
            .containsEntry("architectures", List.of(part.getKey() + "ForCausalLM"))
            .containsEntry("model_type", part.getValue())
            .containsEntry("hidden_size", 64L)
            .containsEntry("layer_types", List.of("linear_attention", "full_attention"))
            .containsEntry("tie_word_embeddings", false)
            .containsEntry(
                "rope_parameters",
                Map.of("rope_type", "default", "rope_theta", 1e7, "partial_rotary_factor", 0.25))
            .doesNotContainKeys("vision_config", "image_token_id", "text_config");
        assertThat(checkpoint.tensorNames())
            .containsExactly(
                "lm_head.weight",
                "model.layers.0.linear_attn.A_log",
                "model.layers.1.self_attn.q_proj.weight");
      }
    }
  }

  @Test
  void lfm2_has_a_part_for_texts_that_ends_with_a_norm_of_its_own_name() throws IOException {
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Lfm2VlForConditionalGeneration"], "model_type": "lfm2_vl",
             "downsample_factor": 2, "image_token_id": 396, "vision_config": {"depth": 27},
             "text_config": {"model_type": "lfm2", "hidden_size": 64, "conv_L_cache": 3,
                             "layer_types": ["conv", "full_attention"]}}
            """,
            "model.language_model.embed_tokens.weight",
            "model.language_model.embedding_norm.weight",
            "model.language_model.layers.0.conv.conv.weight",
            "model.language_model.layers.1.self_attn.q_layernorm.weight",
            "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
            "model.multi_modal_projector.linear_1.weight")) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Lfm2ForCausalLM"))
          .containsEntry("model_type", "lfm2")
          .containsEntry("hidden_size", 64L)
          .containsEntry("conv_L_cache", 3L)
          .containsEntry("layer_types", List.of("conv", "full_attention"))
          .doesNotContainKeys(
              "vision_config", "image_token_id", "text_config", "downsample_factor");
      assertThat(checkpoint.tensorNames())
          .containsExactly(
              "model.embed_tokens.weight",
              "model.embedding_norm.weight",
              "model.layers.0.conv.conv.weight",
              "model.layers.1.self_attn.q_layernorm.weight");
    }
  }

  @Test
  void a_model_whose_part_for_texts_is_none_that_is_known_stays_as_it_is() throws IOException {
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Mistral3ForConditionalGeneration"],
             "text_config": {"model_type": "mistral4"}}
            """,
            "language_model.model.norm.weight")) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Mistral3ForConditionalGeneration"))
          .containsKey("text_config");
      assertThat(checkpoint.tensorNames()).containsExactly("language_model.model.norm.weight");
    }
  }
}
