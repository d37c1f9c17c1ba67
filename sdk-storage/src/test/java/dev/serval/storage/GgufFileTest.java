package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.GgufWriter.Entry;
import dev.serval.storage.GgufWriter.Out;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a GGUF file may not say, and what becomes of what it says. */
final class GgufFileTest {
  private static final int F32 = 0;
  private static final int Q8_0 = 8;

  @TempDir private Path folder;

  private Checkpoint open(byte[] file) throws IOException {
    Path path = Files.write(folder.resolve("model.gguf"), file);
    return new GgufReader(1).open(path, LoadListener.NONE);
  }

  private void refused(byte[] file, String... words) {
    assertThatThrownBy(() -> open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.gguf")
        .satisfies(
            e -> Arrays.stream(words).forEach(word -> assertThat(e).hasMessageContaining(word)));
  }

  private void accepted(GgufWriter writer, Consumer<Checkpoint> check) throws IOException {
    try (Checkpoint checkpoint = open(writer.file())) {
      check.accept(checkpoint);
    }
  }

  private static GgufWriter sound() {
    return GgufWriter.llama()
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("output_norm.weight", F32, new byte[32], 8);
  }

  private static Entry entry(String name, int type, long offset, long... dimensions) {
    return new Entry(name, Arrays.stream(dimensions).boxed().toList(), type, offset);
  }

  private static Out array(int element, long count) {
    return new Out().u32(9).u32(element).u64(count);
  }

  @Test
  void versions_2_and_3_are_read() throws IOException {
    for (int version : new int[] {2, 3}) {
      accepted(
          sound().version(version), checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
    }
  }

  @Test
  void other_versions_and_byte_orders_are_refused_by_name() {
    refused(sound().version(1).file(), "version 1", "2 and 3");
    refused(sound().version(4).file(), "version 4", "2 and 3");
    refused(sound().version(0).file(), "version 0");
    refused(sound().version(3 << 24).file(), "big-endian");
  }

  @Test
  void a_file_cut_short_anywhere_is_refused() {
    byte[] file = sound().file();
    for (int length = 0; length < file.length; length++) {
      refused(Arrays.copyOf(file, length));
    }
  }

  @Test
  void a_file_that_begins_otherwise_is_refused() {
    byte[] file = sound().file();
    file[0] = 'X';
    refused(file, "'XGUF'", "'GGUF'");
  }

  @Test
  void counts_beyond_the_bytes_that_follow_are_refused() {
    for (long count : new long[] {1000, Integer.MAX_VALUE, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
      refused(sound().file(count, 8));
      refused(sound().file(2, count));
    }
    refused(
        GgufWriter.llama().raw("x", array(4, Long.MAX_VALUE / 2).toByteArray()).file(),
        "the count of 'x'",
        "room for");
    refused(GgufWriter.llama().raw("x", array(8, 1L << 40).toByteArray()).file(), "'x'");
  }

  @Test
  void strings_past_the_end_are_refused() {
    for (long length : new long[] {100_000, Long.MAX_VALUE, -1}) {
      refused(
          GgufWriter.llama().raw("x", new Out().u32(8).u64(length).toByteArray()).file(), "'x'");
      refused(GgufWriter.llama().raw("x", array(8, 1).u64(length).toByteArray()).file(), "'x'");
    }
  }

  @Test
  void arrays_of_arrays_are_refused() {
    refused(
        GgufWriter.llama().raw("x", array(9, 0).toByteArray()).file(), "'x'", "array of arrays");
  }

  @Test
  void unknown_types_of_values_are_refused_listing_those_there_are() {
    refused(GgufWriter.llama().raw("x", new Out().u32(13).toByteArray()).file(), "13", "FLOAT64");
    refused(GgufWriter.llama().raw("x", array(77, 0).toByteArray()).file(), "77", "UINT8");
  }

  @Test
  void a_key_or_tensor_that_is_there_twice_is_refused() {
    refused(
        sound().put("general.name", "a").put("general.name", "b").file(), "general.name", "twice");
    refused(
        sound().tensor("output_norm.weight", F32, new byte[32], 8).file(),
        "output_norm.weight",
        "twice");
  }

  @Test
  void many_keys_take_time_in_proportion_to_their_number() throws IOException {
    GgufWriter writer = sound();
    IntStream.range(0, 200_000).forEach(i -> writer.put("key" + i, i));
    accepted(writer, checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
  }

  @Test
  void texts_that_are_not_utf_8_are_refused() {
    byte[] bad = new Out().u32(8).u64(2).u8(0xC3).u8(0x28).toByteArray();
    refused(GgufWriter.llama().raw("x", bad).file(), "'x'", "UTF-8");
  }

  @Test
  void shapes_that_no_tensor_has_are_refused() {
    refused(with(entry("output.weight", F32, 0)), "0 dimensions");
    refused(with(entry("output.weight", F32, 0, 1, 1, 1, 1, 1)), "5 dimensions", "1 to 4");
    refused(with(entry("output.weight", F32, 0, 8, 0)), "dimension 1", "is 0");
    refused(with(entry("output.weight", F32, 0, -8)), "dimension 0");
    refused(with(entry("output.weight", F32, 0, 1L << 32, 1L << 32)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, Long.MAX_VALUE)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, 1L << 30, 1L << 31, 4)), "beyond any file");
    refused(with(entry("output.weight", F32, 0, 1L << 40)), "takes");
    refused(with(entry("output.weight", Q8_0, 0, 33)), "blocks of 32");
    refused(with(entry("output.weight", Q8_0, 0, 16, 2)), "blocks of 32");
  }

  private static byte[] with(Entry entry) {
    return GgufWriter.llama().entry(entry).data(64).file();
  }

  @ParameterizedTest
  @EnumSource
  void a_type_that_serval_computes_with_is_read(DType dtype) throws IOException {
    byte[] data = new byte[(int) dtype.bytes(512)];
    StoredTensor written =
        new StoredTensor("output.weight", dtype, List.of(2L, 256L), MemorySegment.ofArray(data));
    accepted(
        sound().tensor(written),
        checkpoint -> {
          StoredTensor read = checkpoint.tensor("lm_head.weight");
          assertThat(read.dtype()).isEqualTo(dtype);
          assertThat(read.shape()).isEqualTo(written.shape());
          assertThat(read.data().byteSize()).isEqualTo(data.length);
        });
  }

  @Test
  void types_that_serval_does_not_compute_with_are_refused_by_name() {
    refused(with(entry("output.weight", 16, 0, 256)), "output.weight", "IQ2_XXS", "Q2_K", "BF16");
    refused(with(entry("output.weight", 40, 0, 256)), "NVFP4");
    refused(with(entry("output.weight", 99, 0, 256)), "number 99");
    refused(with(entry("output.weight", -1, 0, 256)), "number 4294967295");
  }

  @Test
  void tensors_must_follow_each_other() {
    GgufWriter writer = GgufWriter.llama().entry(entry("output.weight", F32, 0, 8));
    refused(writer.entry(entry("output_norm.weight", F32, 64, 8)).data(96).file(), "gap");
    refused(two(0, 0), "within or before another");
    refused(two(32, 0), "gap or is out of order");
    refused(two(0, 33), "no multiple of the alignment 32");
    refused(two(0, Long.MAX_VALUE), "no multiple of the alignment");
    refused(two(0, -32), "offset");
  }

  private static byte[] two(long first, long second) {
    return GgufWriter.llama()
        .entry(entry("output.weight", F32, first, 8))
        .entry(entry("output_norm.weight", F32, second, 8))
        .data(64)
        .file();
  }

  @Test
  void bytes_after_the_last_tensor_are_refused_but_for_padding() throws IOException {
    GgufWriter padded = GgufWriter.llama().entry(entry("output_norm.weight", F32, 0, 9)).data(64);
    accepted(padded, checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(1));
    refused(padded.data(1).file(), "after its last tensor");
  }

  @Test
  void the_alignment_is_a_power_of_two() throws IOException {
    accepted(
        GgufWriter.llama()
            .alignment(64)
            .put("general.alignment", 64)
            .tensor("output.weight", F32, new byte[32], 8)
            .tensor("output_norm.weight", F32, new byte[32], 8),
        checkpoint -> assertThat(checkpoint.tensorNames()).hasSize(2));
    for (int alignment : new int[] {0, 3, 33, -1, Integer.MAX_VALUE}) {
      refused(sound().put("general.alignment", alignment).file(), "general.alignment");
    }
    refused(sound().put("general.alignment", 1 << 30).file());
    refused(sound().put("general.alignment", "32").file(), "general.alignment", "STRING", "whole");
  }

  @Test
  void a_value_of_another_type_is_refused_with_both_types() {
    refused(
        new GgufWriter().put("general.architecture", 7).file(),
        "general.architecture",
        "UINT32",
        "a STRING");
    refused(
        new GgufWriter()
            .put("general.architecture", "llama")
            .put("llama.attention.head_count", 1.5f)
            .file(),
        "llama.attention.head_count",
        "FLOAT32",
        "whole number");
    refused(sound().put("tokenizer.ggml.model", true).file(), "BOOL", "a STRING");
    refused(
        sound().raw("split.count", array(4, 0).toByteArray()).file(),
        "split.count",
        "ARRAY of 0 UINT32");
  }

  @Test
  void the_configuration_is_translated() throws IOException {
    accepted(
        sound().put("llama.rope.freq_base", 500_000f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("LlamaForCausalLM"))
                .containsEntry("hidden_size", 8L)
                .containsEntry("head_dim", 4L)
                .containsEntry("num_key_value_heads", 1L)
                .containsEntry("rope_theta", 500_000.0)
                .containsEntry("rope_interleaved", true)
                .containsEntry("tie_word_embeddings", true)
                .containsEntry("vocab_size", 3L)
                .doesNotContainKey("rope_scaling"));
  }

  @Test
  void only_llama_and_smollm3_files_turn_neighbours() throws IOException {
    accepted(
        new GgufWriter()
            .put("general.architecture", "smollm3")
            .sizes("smollm3")
            .tensor("token_embd.weight", F32, new byte[96], 8, 3),
        checkpoint -> assertThat(checkpoint.config()).containsEntry("rope_interleaved", true));
    for (String architecture : List.of("qwen2", "qwen3", "phi3")) {
      accepted(
          new GgufWriter()
              .put("general.architecture", architecture)
              .sizes(architecture)
              .tensor("token_embd.weight", F32, new byte[96], 8, 3),
          checkpoint ->
              assertThat(checkpoint.config())
                  .containsEntry("model_type", architecture)
                  .doesNotContainKey("rope_interleaved"));
    }
  }

  @Test
  void rotary_divisors_become_a_scaling() throws IOException {
    byte[] divisors = floats(1, 8);
    accepted(
        sound().tensor("rope_freqs.weight", F32, divisors, 2),
        checkpoint -> {
          assertThat(scaling(checkpoint)).contains("divisors", "1.0, 8.0");
          assertThat(checkpoint.tensorNames()).hasSize(2);
        });
    refused(
        sound().tensor("rope_freqs.weight", F32, new byte[8], 2).file(), "rope_freqs", "above 0");
  }

  @Test
  void linear_scaling_and_yarn_are_translated_and_other_scaling_refused() throws IOException {
    accepted(
        sound().put("llama.rope.scaling.type", "linear").put("llama.rope.scaling.factor", 4f),
        checkpoint -> assertThat(scaling(checkpoint)).contains("linear", "4.0"));
    accepted(
        yarn(4).put("llama.rope.scaling.yarn_beta_fast", 16f),
        checkpoint ->
            assertThat(scaling(checkpoint))
                .contains("yarn", "factor=4.0", "beta_fast=16.0", "1.138", "embeddings=64"));
    accepted(
        yarn(1), checkpoint -> assertThat(checkpoint.config()).doesNotContainKey("rope_scaling"));
    refused(yarn(4).put("llama.rope.scaling.yarn_ext_factor", 0f).file(), "yarn_ext_factor");
    refused(
        sound().put("llama.rope.scaling.type", "dynamic").file(),
        "llama.rope.scaling.type",
        "dynamic",
        "none, linear, yarn, longrope");
    refused(sound().put("llama.rope.scaling.attn_factor", 1.5f).file(), "attn_factor", "1.5");
  }

  private static GgufWriter yarn(float factor) {
    return sound()
        .put("llama.rope.scaling.type", "yarn")
        .put("llama.rope.scaling.factor", factor)
        .put("llama.rope.scaling.original_context_length", 64);
  }

  private static String scaling(Checkpoint checkpoint) {
    return checkpoint.config().get("rope_scaling").toString();
  }

  @Test
  void phi3_files_have_fused_maps_windows_and_two_sorts_of_divisors() throws IOException {
    accepted(
        phi3()
            .put("phi3.attention.sliding_window", 2047)
            .put("phi3.rope.dimension_count", 2)
            .put("phi3.rope.scaling.original_context_length", 64)
            .put("phi3.rope.scaling.attn_factor", 1.25f)
            .tensor("rope_factors_long.weight", F32, floats(8f), 1)
            .tensor("rope_factors_short.weight", F32, floats(1f), 1),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.self_attn.qkv_proj.weight",
                  "model.layers.0.mlp.gate_up_proj.weight")
              .hasSize(3);
          assertThat(checkpoint.config())
              .containsEntry("architectures", List.of("Phi3ForCausalLM"))
              .containsEntry("sliding_window", 2047L)
              .containsEntry("partial_rotary_factor", 0.5);
          assertThat(scaling(checkpoint))
              .contains("longrope", "long_factor=[8.0]", "short_factor=[1.0]", "1.25", "64");
        });
    refused(
        phi3().tensor("rope_factors_long.weight", F32, floats(8f), 1).file(),
        "rope_factors_long",
        "rope_factors_short");
    refused(phi3().put("phi3.rope.scaling.type", "longrope").file(), "rope_factors_long");
  }

  @Test
  void gemma3_files_have_norms_with_whole_gains_and_layers_with_a_base_of_their_own()
      throws IOException {
    accepted(
        new GgufWriter()
            .put("general.architecture", "gemma3")
            .sizes("gemma3")
            .put("gemma3.attention.sliding_window", 512)
            .put("gemma3.rope.freq_base", 1e6f)
            .put("gemma3.rope.freq_base_swa", 20_000f)
            .tensor("token_embd.weight", F32, new byte[96], 8, 3)
            .tensor("blk.0.post_attention_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.ffn_norm.weight", F32, new byte[32], 8)
            .tensor("blk.0.post_ffw_norm.weight", F32, new byte[32], 8),
        checkpoint -> {
          assertThat(checkpoint.tensorNames())
              .contains(
                  "model.layers.0.post_attention_layernorm.weight",
                  "model.layers.0.pre_feedforward_layernorm.weight",
                  "model.layers.0.post_feedforward_layernorm.weight");
          assertThat(checkpoint.config())
              .containsEntry("model_type", "gemma3_text")
              .containsEntry("hidden_act", "gelu_pytorch_tanh")
              .containsEntry("norm_gains_less_one", false)
              .containsEntry("sliding_window", 512L)
              .containsEntry("rope_local_base_freq", 20_000.0)
              .containsEntry("query_pre_attn_scalar", 4L);
        });
  }

  @Test
  void gemma2_files_have_caps_and_a_window_whether_they_say_so_or_not() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "gemma2")
            .sizes("gemma2")
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("architectures", List.of("Gemma2ForCausalLM"))
                .containsEntry("hidden_act", "gelu_pytorch_tanh")
                .containsEntry("norm_gains_less_one", false)
                .containsEntry("query_pre_attn_scalar", 4L)
                .containsEntry("sliding_window", 4096L)
                .containsEntry("attn_logit_softcapping", 50.0)
                .containsEntry("final_logit_softcapping", 30.0));
    accepted(
        file.put("gemma2.attention.sliding_window", 64)
            .put("gemma2.attn_logit_softcapping", 20f)
            .put("gemma2.final_logit_softcapping", 10f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("sliding_window", 64L)
                .containsEntry("attn_logit_softcapping", 20.0)
                .containsEntry("final_logit_softcapping", 10.0));
  }

  @Test
  void granite_files_have_multipliers_and_always_turn_heads() throws IOException {
    GgufWriter file =
        new GgufWriter()
            .put("general.architecture", "granite")
            .sizes("granite")
            .tensor("token_embd.weight", F32, new byte[96], 8, 3);
    accepted(
        file,
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("model_type", "granite")
                .containsEntry("rope_interleaved", true)
                .containsEntry("attention_multiplier", 0.5)
                .containsEntry("embedding_multiplier", 1.0)
                .containsEntry("residual_multiplier", 1.0)
                .containsEntry("logits_scaling", 1.0));
    accepted(
        file.put("granite.attention.scale", 0.25f)
            .put("granite.embedding_scale", 12f)
            .put("granite.residual_scale", 0.5f)
            .put("granite.logit_scale", 8f),
        checkpoint ->
            assertThat(checkpoint.config())
                .containsEntry("attention_multiplier", 0.25)
                .containsEntry("embedding_multiplier", 12.0)
                .containsEntry("residual_multiplier", 0.5)
                .containsEntry("logits_scaling", 8.0));
    refused(file.put("granite.rope.scaling.finetuned", false).file(), "finetuned", "true");
  }

  @Test
  void what_another_architecture_multiplies_or_caps_is_refused() throws IOException {
    for (String key : List.of("attn_logit_softcapping", "residual_scale", "attention.scale")) {
      refused(sound().put("llama." + key, 7f).file(), "llama." + key, "7.0");
    }
  }

  @Test
  void special_tokens_of_phi3_swallow_the_spaces_behind_them() throws IOException {
    List<String> tokens = List.of("<unk>", "<s>", "</s>", "<|user|>", "a");
    for (String name : List.of("Phi-3 mini", "Phi3", "another")) {
      accepted(
          sound()
              .put("general.name", name)
              .put("tokenizer.ggml.model", "llama")
              .texts("tokenizer.ggml.tokens", tokens)
              .integers("tokenizer.ggml.token_type", List.of(2, 3, 3, 3, 1))
              .reals("tokenizer.ggml.scores", Collections.nCopies(tokens.size(), -1f)),
          checkpoint -> {
            String tokenizer = checkpoint.text("tokenizer.json").orElseThrow();
            assertThat(tokenizer.split("\"rstrip\":true", -1))
                .hasSize(name.equals("another") ? 1 : 3);
          });
    }
  }

  private static GgufWriter phi3() {
    return new GgufWriter()
        .put("general.architecture", "phi3")
        .sizes("phi3")
        .tensor("token_embd.weight", F32, new byte[96], 8, 3)
        .tensor("blk.0.attn_qkv.weight", F32, new byte[32], 8)
        .tensor("blk.0.ffn_up.weight", F32, new byte[32], 8);
  }

  private static byte[] floats(float... values) {
    Out out = new Out();
    for (float value : values) {
      out.u32(Float.floatToIntBits(value));
    }
    return out.toByteArray();
  }

  @Test
  void what_the_forward_pass_does_not_do_is_refused_by_its_key() {
    refused(sound().put("llama.expert_count", 8).file(), "llama.expert_count", "8");
    for (int dimensions : new int[] {0, 3, 6}) {
      refused(
          sound().put("llama.rope.dimension_count", dimensions).file(),
          "llama.rope.dimension_count");
    }
    refused(sound().put("llama.attention.value_length", 2).file(), "llama.attention.value_length");
    refused(sound().put("llama.logit_scale", 2f).file(), "llama.logit_scale");
    refused(sound().put("llama.attention.causal", false).file(), "llama.attention.causal");
    refused(sound().put("split.count", 3).file(), "split.count", "merge");
    refused(
        new GgufWriter().put("general.architecture", "mamba").file(), "mamba", "llama", "qwen3");
    refused(
        sound().tensor("blk.0.ffn_gate_inp.weight", F32, new byte[32], 8).file(),
        "blk.0.ffn_gate_inp.weight");
  }

  @Test
  void a_missing_size_is_refused_by_its_key() {
    refused(
        new GgufWriter().put("general.architecture", "llama").file(), "llama.attention.head_count");
  }

  @Test
  void tokenizers_that_are_not_supported_are_refused() {
    refused(sound().put("tokenizer.ggml.model", "t5").file(), "t5", "gpt2");
    refused(
        sound().put("tokenizer.ggml.model", "gpt2").put("tokenizer.ggml.pre", "odd").file(),
        "odd",
        "llama-bpe");
  }

  @Test
  void a_vocabulary_that_does_not_add_up_is_refused() throws IOException {
    refusedText(vocabulary(List.of("a", "b"), List.of("a b")), "no token 'ab'");
    refusedText(vocabulary(List.of("a", "b"), List.of("ab")), "two tokens");
    refused(vocabulary(List.of("a", "a"), List.of()).file(), "'a' twice");
    refused(
        vocabulary(List.of("a", "b"), List.of())
            .integers("tokenizer.ggml.token_type", List.of(1))
            .file(),
        "1 elements",
        "2 tokens");
    refused(
        vocabulary(List.of("a", "b"), List.of()).put("tokenizer.ggml.eos_token_id", 2).file(),
        "eos_token_id",
        "2 tokens");
  }

  private static GgufWriter vocabulary(List<String> tokens, List<String> merges) {
    return sound()
        .put("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", tokens)
        .texts("tokenizer.ggml.merges", merges);
  }

  private void refusedText(GgufWriter writer, String... words) throws IOException {
    accepted(
        writer,
        checkpoint ->
            assertThatThrownBy(() -> checkpoint.text("tokenizer.json"))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(words));
  }

  @Test
  void a_vocabulary_of_scores_takes_time_in_proportion_to_its_size() throws IOException {
    List<String> tokens = IntStream.range(0, 20_000).mapToObj(i -> "a".repeat(i % 30) + i).toList();
    accepted(
        sound()
            .put("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", tokens)
            .reals("tokenizer.ggml.scores", Collections.nCopies(tokens.size(), -1f)),
        checkpoint -> assertThat(checkpoint.text("tokenizer.json")).isPresent());
  }

  @Test
  void tokens_that_are_all_parts_of_each_other_cost_no_more_memory_than_the_file_allows()
      throws IOException {
    List<String> tokens = IntStream.rangeClosed(1, 1000).mapToObj("a"::repeat).toList();
    refusedText(
        sound()
            .put("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", tokens)
            .reals("tokenizer.ggml.scores", Collections.nCopies(tokens.size(), -1f)),
        "too many ways");
  }

  @Test
  void an_array_of_another_length_is_refused_before_it_is_copied() throws IOException {
    refusedText(
        sound()
            .put("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", List.of("a", "b", "c"))
            .reals("tokenizer.ggml.scores", Collections.nCopies(5, -1f)),
        "5 elements",
        "3 tokens");
  }

  @Test
  void the_chat_template_is_in_the_tokenizer_configuration() throws IOException {
    accepted(
        vocabulary(List.of("a", "<|im_end|>"), List.of())
            .integers("tokenizer.ggml.token_type", List.of(1, 3))
            .put("tokenizer.ggml.eos_token_id", 0)
            .put("tokenizer.chat_template", "{{ \"hé\" }}\n"),
        checkpoint -> {
          assertThat(checkpoint.text("tokenizer_config.json").orElseThrow())
              .contains("\"chat_template\":\"{{ \\\"hé\\\" }}\\n\"", "\"eos_token\":\"a\"");
          assertThat(checkpoint.config()).containsEntry("eos_token_id", List.of(0L, 1L));
        });
  }

  @Test
  void a_folder_of_several_files_is_refused() throws IOException {
    Files.write(folder.resolve("a.gguf"), sound().file());
    Files.write(folder.resolve("b.gguf"), sound().file());
    assertThatThrownBy(() -> new GgufReader(1).open(folder, LoadListener.NONE))
        .hasMessageContaining("several files");
  }
}
