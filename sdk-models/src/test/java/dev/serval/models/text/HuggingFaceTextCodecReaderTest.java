package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.ChatMessage;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.model.Tokenizer;
import dev.serval.api.storage.CheckpointException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class HuggingFaceTextCodecReaderTest {
  private static final String CONFIG = "tokenizer_config.json";
  private static final int END = 266;
  private static final TextCheckpoint BYTE_LEVEL =
      TextCheckpoint.of("tokenizer.json", SmallTokenizers.byteLevel());
  private static final TextCheckpoint SENTENCE_PIECE =
      TextCheckpoint.of("tokenizer.json", SmallTokenizers.sentencePiece());

  @Test
  void it_is_found_as_a_service() {
    assertThat(HuggingFaceTextCodecReader.class.getModule().getDescriptor().provides())
        .anyMatch(provides ->
            provides.service().equals(TextCodecReader.class.getName())
                && provides.providers().contains(HuggingFaceTextCodecReader.class.getName()));
  }

  @Test
  void a_folder_without_a_tokenizer_is_refused_with_its_name() {
    TextCheckpoint empty = new TextCheckpoint(Map.of(), Map.of());
    assertThatThrownBy(() -> read(empty))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("models/heron")
        .hasMessageContaining("tokenizer.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "{\"model\": 3}",
        "{\"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"model\": {\"vocab\": {\"a\": 2147483647}}}",
        "{\"model\": {\"vocab\": {\"a\": \"x\"}}}",
        "{\"model\": {\"vocab\": [[3, 0.5]]}}",
        "{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": 1}]}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"b c\"]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}} {}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a",
      })
  void a_damaged_tokenizer_is_refused_with_its_name(String json) {
    assertThatThrownBy(() -> read(TextCheckpoint.of("tokenizer.json", json)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tokenizer.json of models/heron");
  }

  @Test
  void of_a_tokenizers_file_all_but_the_merges_is_kept() {
    String json =
        "{\"merges\": 1, \"model\": {\"merges\": [[\"a\", \"b\"]], \"vocab\": {}}, \"empty\": []}";
    assertThat(JsonFile.tokenizer("models/heron", "tokenizer.json", json).root())
        .hasToString("{\"merges\":1,\"model\":{\"vocab\":{}},\"empty\":[]}");
  }

  @ParameterizedTest
  @CsvSource({
    "generation_config.json, eos_token_id, '\"x\"'",
    "generation_config.json, eos_token_id, '[1, -1]'",
    "generation_config.json, bos_token_id, 1.5",
    "tokenizer_config.json, eos_token, 3",
  })
  void a_field_of_the_wrong_kind_is_refused_with_file_and_field(
      String file, String field, String value) {
    assertThatThrownBy(() -> read(BYTE_LEVEL.with(file, "{\"%s\": %s}".formatted(field, value))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(file + " of models/heron: " + field);
  }

  @Test
  void the_end_of_a_sequence_is_what_the_first_file_says() {
    TextCheckpoint named =
        BYTE_LEVEL.with("tokenizer_config.json", "{\"eos_token\": {\"content\": \"<|end|>\"}}");
    TextCheckpoint configured = named.with(Map.of("eos_token_id", 5L, "bos_token_id", 6L));
    TextCheckpoint generation =
        configured.with("generation_config.json", "{\"eos_token_id\": [7, 8]}");
    TextCheckpoint silent = configured.with("generation_config.json", "{\"eos_token_id\": null}");

    assertThat(tokenizer(BYTE_LEVEL).endOfSequence()).isEmpty();
    assertThat(tokenizer(BYTE_LEVEL).beginningOfSequence()).isEmpty();
    assertThat(tokenizer(named).endOfSequence()).containsExactly(END);
    assertThat(tokenizer(configured).endOfSequence()).containsExactly(5);
    assertThat(tokenizer(configured).beginningOfSequence()).hasValue(6);
    assertThat(tokenizer(generation).endOfSequence()).containsExactlyInAnyOrder(7, 8);
    assertThat(tokenizer(silent).endOfSequence()).containsExactly(5);
  }

  @Test
  void truncation_and_padding_of_the_file_are_switched_off() {
    String json =
        SmallTokenizers.byteLevel()
            .replaceFirst(
                "\\{",
                """
                {"truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst",
                  "stride": 0},
                 "padding": {"strategy": {"Fixed": 50}, "direction": "Right",
                  "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "!"},
                """);
    assertThat(tokenizer(TextCheckpoint.of("tokenizer.json", json)).encode("abcdefgh", true))
        .hasSize(8);
  }

  @Test
  void a_text_longer_than_djls_own_limit_is_whole() {
    assertThat(tokenizer(BYTE_LEVEL).encode("abc".repeat(5000), true)).hasSize(15_000);
  }

  @Test
  void llama_tokenizers_are_framed_as_their_configuration_says() {
    String config =
        "{\"tokenizer_class\": \"%s\", \"bos_token\": \"<s>\", \"eos_token\": \"</s>\"%s}";
    String none = config.formatted("LlamaTokenizerFast", ", \"add_bos_token\": false");
    String both =
        config.formatted("LlamaTokenizer", ", \"add_bos_token\": true, \"add_eos_token\": true");
    String other = config.formatted("PreTrainedTokenizerFast", ", \"add_bos_token\": false");

    assertThat(framed(none)).doesNotContain(1, 2);
    assertThat(framed(both)).startsWith(1).endsWith(2);
    assertThat(framed(other)).startsWith(1).doesNotContain(2);
    assertThat(framed(config.formatted("LlamaTokenizer", ""))).startsWith(1).doesNotContain(2);
  }

  @Test
  void ids_that_only_the_model_knows_have_no_text() {
    try (Tokenizer tokenizer = tokenizer(BYTE_LEVEL.with(Map.of("vocab_size", 300L)))) {
      assertThat(tokenizer.vocabulary()).isEqualTo(END + 2);
      assertThat(tokenizer.text(299)).isEmpty();
      assertThat(tokenizer.decode(List.of((int) 'a', 299, (int) 'b'), true)).isEqualTo("ab");
      assertThat(tokenizer.special(299)).isFalse();
      assertThatThrownBy(() -> tokenizer.text(300))
          .hasMessage("token 300 is outside the vocabulary, whose ids are 0 to 299");
    }
  }

  @Test
  void a_folder_without_a_template_cannot_converse() {
    assertThat(read(BYTE_LEVEL).chatTemplate()).isEmpty();
    assertThat(read(BYTE_LEVEL.with(CONFIG, "{\"chat_template\": null}")).chatTemplate()).isEmpty();
  }

  @Test
  void the_template_file_goes_before_the_configuration() {
    TextCheckpoint configured = BYTE_LEVEL.with(CONFIG, "{\"chat_template\": \"configured\"}");
    assertThat(rendered(configured)).isEqualTo("configured");
    assertThat(rendered(configured.with("chat_template.jinja", "file\n"))).isEqualTo("file");
  }

  @Test
  void the_template_of_a_model_that_sees_as_well_may_lie_in_a_file_of_its_own() {
    String processor = "{\"chat_template\": \"processed\"}";
    TextCheckpoint sees = BYTE_LEVEL.with("chat_template.json", processor);
    assertThat(rendered(sees)).isEqualTo("processed");
    assertThat(rendered(sees.with(CONFIG, "{\"chat_template\": \"configured\"}")))
        .isEqualTo("configured");
  }

  @Test
  void of_several_templates_the_default_is_taken() {
    String list =
        "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"{% frobnicate %}\"},"
            + " {\"name\": \"default\", \"template\": \"usual\"}]}";
    assertThat(rendered(BYTE_LEVEL.with(CONFIG, list))).isEqualTo("usual");
    assertThatThrownBy(() -> read(BYTE_LEVEL.with(CONFIG, "{\"chat_template\": []}")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("chat_template");
  }

  @Test
  void special_tokens_are_variables_of_the_template_however_they_are_spelt() {
    String config =
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false},"
            + " \"pad_token\": null, \"chat_template\": "
            + "\"{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}\"}";
    assertThat(rendered(BYTE_LEVEL.with(CONFIG, config))).isEqualTo("<s></s>False");
  }

  @Test
  void a_template_that_cannot_be_used_is_refused_with_its_place() {
    assertThatThrownBy(() -> read(BYTE_LEVEL.with("chat_template.jinja", "a\n{{ 1 | frob }}")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(
            "the chat_template.jinja of models/heron cannot be used:"
                + " line 2: the filter 'frob' is not supported");
  }

  @Test
  void a_closed_tokenizer_says_so() {
    TextCodec codec = read(BYTE_LEVEL);
    codec.close();
    assertThatThrownBy(() -> codec.tokenizer().encode("a", false))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the tokenizer is closed");
  }

  private static String rendered(TextCheckpoint checkpoint) {
    return read(checkpoint)
        .chatTemplate()
        .orElseThrow()
        .render(List.of(ChatMessage.user("x")), true);
  }

  private static int[] framed(String config) {
    try (Tokenizer tokenizer = tokenizer(SENTENCE_PIECE.with("tokenizer_config.json", config))) {
      return tokenizer.encode("the", true);
    }
  }

  private static Tokenizer tokenizer(TextCheckpoint checkpoint) {
    return read(checkpoint).tokenizer();
  }

  private static TextCodec read(TextCheckpoint checkpoint) {
    return new HuggingFaceTextCodecReader().read(checkpoint);
  }
}
