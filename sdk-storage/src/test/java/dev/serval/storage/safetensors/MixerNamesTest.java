package dev.serval.storage.safetensors;

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders of models whose layers have a mixer each, whatever it is. */
final class MixerNamesTest {
  private static final String NEMOTRON = "NemotronHForCausalLM";

  @TempDir Path folder;

  private Checkpoint open(String architecture, String... tensors) throws IOException {
    Files.write(
        folder.resolve("model.safetensors"),
        SafetensorsWriter.file(Arrays.stream(tensors).map(MixerNamesTest::tensor).toList()));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"architectures\": [\"%s\"], \"time_step_limit\": [0.0, Infinity]}"
            .formatted(architecture));
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private static StoredTensor tensor(String name) {
    return new StoredTensor(name, DType.F32, List.of(1L), MemorySegment.ofArray(new byte[4]));
  }

  @Test
  void tensors_of_each_kind_of_layer_have_the_names_that_most_models_have() throws IOException {
    try (Checkpoint checkpoint =
        open(
            NEMOTRON,
            "backbone.embeddings.weight",
            "backbone.layers.0.norm.weight",
            "backbone.layers.0.mixer.A_log",
            "backbone.layers.0.mixer.D",
            "backbone.layers.0.mixer.conv1d.bias",
            "backbone.layers.0.mixer.conv1d.weight",
            "backbone.layers.0.mixer.dt_bias",
            "backbone.layers.0.mixer.in_proj.weight",
            "backbone.layers.0.mixer.norm.weight",
            "backbone.layers.0.mixer.out_proj.weight",
            "backbone.layers.1.mixer.down_proj.weight",
            "backbone.layers.1.mixer.up_proj.weight",
            "backbone.layers.12.mixer.k_proj.weight",
            "backbone.layers.12.mixer.o_proj.weight",
            "backbone.layers.12.mixer.q_proj.weight",
            "backbone.layers.12.mixer.v_proj.weight",
            "backbone.layers.2.mixer.experts.7.down_proj.weight",
            "backbone.layers.2.mixer.experts.7.up_proj.weight",
            "backbone.layers.2.mixer.gate.e_score_correction_bias",
            "backbone.layers.2.mixer.gate.weight",
            "backbone.layers.2.mixer.shared_experts.up_proj.weight",
            "backbone.norm_f.weight",
            "lm_head.weight",
            "mtp.layers.0.mixer.q_proj.weight")) {
      assertThat(checkpoint.tensorNames())
          .containsExactly(
              "lm_head.weight",
              "model.embed_tokens.weight",
              "model.layers.0.input_layernorm.weight",
              "model.layers.0.mamba.A_log",
              "model.layers.0.mamba.D",
              "model.layers.0.mamba.conv1d.bias",
              "model.layers.0.mamba.conv1d.weight",
              "model.layers.0.mamba.dt_bias",
              "model.layers.0.mamba.in_proj.weight",
              "model.layers.0.mamba.norm.weight",
              "model.layers.0.mamba.out_proj.weight",
              "model.layers.1.mlp.down_proj.weight",
              "model.layers.1.mlp.up_proj.weight",
              "model.layers.12.self_attn.k_proj.weight",
              "model.layers.12.self_attn.o_proj.weight",
              "model.layers.12.self_attn.q_proj.weight",
              "model.layers.12.self_attn.v_proj.weight",
              "model.layers.2.mlp.experts.7.down_proj.weight",
              "model.layers.2.mlp.experts.7.up_proj.weight",
              "model.layers.2.mlp.gate.e_score_correction_bias",
              "model.layers.2.mlp.gate.weight",
              "model.layers.2.mlp.shared_experts.up_proj.weight",
              "model.norm.weight",
              "mtp.layers.0.mixer.q_proj.weight");
      assertThat(checkpoint.config())
          .containsEntry("time_step_limit", List.of(0.0, Double.POSITIVE_INFINITY));
    }
  }

  @Test
  void a_tensor_that_is_there_in_both_spellings_is_refused() {
    assertThatThrownBy(
            () -> open(NEMOTRON, "backbone.norm_f.weight", "model.norm_f.weight", "lm_head.weight"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'model.norm.weight'")
        .hasMessageContaining("'model.norm_f.weight'");
  }

  @Test
  void tensors_of_other_models_keep_their_names() throws IOException {
    try (Checkpoint checkpoint = open("LlamaForCausalLM", "backbone.layers.0.norm.weight")) {
      assertThat(checkpoint.tensorNames()).containsExactly("backbone.layers.0.norm.weight");
    }
  }
}
