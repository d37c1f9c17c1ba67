package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.storage.CheckpointException;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What becomes of the vocabulary in a GGUF file. */
final class GgufTokenizerTest extends GgufCase {
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
    return vocabulary("gpt2", tokens, merges);
  }

  private static GgufWriter vocabulary(String kind, List<String> tokens, List<String> merges) {
    return sound()
        .put("tokenizer.ggml.model", kind)
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
  void gemma4_s_tokenizer_merges_pieces_in_the_order_of_a_list_within_lines() throws IOException {
    accepted(
        vocabulary("gemma4", List.of("<bos>", "<unk>", "a", "b", "ab"), List.of("a b"))
            .put("tokenizer.ggml.unknown_token_id", 1)
            .put("tokenizer.ggml.bos_token_id", 0),
        checkpoint ->
            assertThat(checkpoint.text("tokenizer.json").orElseThrow())
                .contains(
                    "\"merges\":[[\"a\",\"b\"]]",
                    "\"byte_fallback\":true",
                    "\"unk_token\":\"<unk>\"",
                    "\"Regex\":\"[^\\\\n]+|[\\\\n]+\"",
                    "\"content\":\"\u2581\"")
                .doesNotContain("ByteLevel"));
    refusedText(
        vocabulary("gemma4", List.of("a", "b"), List.of("a b"))
            .put("tokenizer.ggml.bos_token_id", 0),
        "no token 'ab'");
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
  void a_message_s_end_is_no_text_s_end_where_texts_have_several_messages() throws IOException {
    List<String> tokens = List.of("a", "<|end|>", "<|return|>", "<|call|>");
    accepted(
        vocabulary(tokens, List.of()).integers("tokenizer.ggml.token_type", List.of(1, 3, 3, 3)),
        checkpoint ->
            assertThat(checkpoint.config()).containsEntry("eos_token_id", List.of(2L, 3L)));
    accepted(
        vocabulary(tokens, List.of()).integers("tokenizer.ggml.token_type", List.of(1, 3, 3, 1)),
        checkpoint ->
            assertThat(checkpoint.config()).containsEntry("eos_token_id", List.of(1L, 2L)));
  }
}
