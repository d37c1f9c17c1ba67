package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ChatMessage;
import dev.serval.api.Prompt;
import dev.serval.api.model.AnswerDecoder;
import dev.serval.api.model.AnswerDecoder.Piece;
import dev.serval.api.model.TextCodec;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Thoughts and answers as models tell one from the other. */
final class ReasoningFormatTest {
  private static final Prompt CHAT = Prompt.chat(ChatMessage.user("2 + 2?"));
  private static final List<String> THINK = List.of("<|end|>", "<think>", "</think>");
  private static final List<String> HARMONY =
      List.of("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>");

  /** All of what a model says after a prompt, a thought and an answer, and each piece by itself. */
  private static Piece read(List<String> tokens, Prompt prompt, String before, String said) {
    try (TextCodec codec =
        new HuggingFaceTextCodecReader()
            .read(TextCheckpoint.of("tokenizer.json", SmallTokenizers.byteLevel(tokens)))) {
      AnswerDecoder decoder = codec.decoder(prompt, codec.tokenizer().encode(before, false));
      Piece whole = Piece.NONE;
      for (int id : codec.tokenizer().encode(said, false)) {
        Piece piece = decoder.next(id);
        assertThat(piece.reasoning() + piece.text()).doesNotContain("\uFFFD");
        whole = whole.and(piece);
      }
      return whole.and(decoder.finish());
    }
  }

  private static Piece think(String before, String said) {
    return read(THINK, CHAT, before, said);
  }

  private static Piece harmony(String said) {
    return read(HARMONY, CHAT, "<|start|>assistant", said);
  }

  @Test
  void a_thought_lies_between_its_tags_and_both_parts_without_white_space_around_it() {
    assertThat(think("2 + 2?", "<think>\nIt is  4 🐈.\n\n</think>\n\nFour.\n"))
        .isEqualTo(new Piece("It is  4 🐈.", "Four.\n"));
    assertThat(think("2 + 2?", "<think></think>Four.")).isEqualTo(new Piece("", "Four."));
  }

  @Test
  void a_thought_may_have_been_begun_by_the_prompt() {
    assertThat(think("2 + 2?<think>\n", "easy\n</think>4")).isEqualTo(new Piece("easy", "4"));
    assertThat(think("<think>a</think>b, 2 + 2?<think></think>", " 4"))
        .isEqualTo(new Piece("", " 4"));
  }

  @Test
  void what_says_nothing_of_thoughts_is_an_answer_as_it_is() {
    assertThat(think("2 + 2?", "  4 is it\n")).isEqualTo(new Piece("", "  4 is it\n"));
    assertThat(think("2 + 2?", "4</think>5")).isEqualTo(new Piece("", "45"));
  }

  @Test
  void a_thought_that_never_ends_is_all_there_is() {
    assertThat(think("2 + 2?", "<think>well\n ")).isEqualTo(new Piece("well", ""));
  }

  @Test
  void a_thought_may_come_between_two_parts_of_an_answer() {
    assertThat(think("2 + 2?", "One.<think> hm </think> Two."))
        .isEqualTo(new Piece("hm", "One.Two."));
  }

  @Test
  void texts_and_models_without_such_tokens_have_no_thoughts() {
    assertThat(read(THINK, Prompt.text("x"), "x", "<think>a</think>b"))
        .isEqualTo(new Piece("", "<think>a</think>b"));
    assertThat(read(List.of("<|end|>", "<think>"), CHAT, "x", "<think>a</think>b"))
        .isEqualTo(new Piece("", "<think>a</think>b"));
  }

  @Test
  void messages_on_the_channel_of_analysis_are_thoughts_and_on_others_answers() {
    assertThat(
            harmony(
                "<|channel|>analysis<|message|>It is 4 🐈.<|end|><|start|>assistant"
                    + "<|channel|>final<|message|> Four.<|return|>"))
        .isEqualTo(new Piece("It is 4 🐈.", " Four."));
    assertThat(
            harmony(
                "<|channel|>commentary to=all<|message|>Let me see. <|end|>"
                    + "<|start|>assistant<|channel|>analysis<|message|>hm<|end|>"
                    + "<|start|>assistant<|channel|>final<|message|>4"))
        .isEqualTo(new Piece("hm", "Let me see. 4"));
  }

  @Test
  void messages_without_a_channel_are_answers() {
    assertThat(harmony("<|message|>Four.<|return|>")).isEqualTo(new Piece("", "Four."));
    assertThat(harmony("Four.")).isEqualTo(new Piece("", "Four."));
  }

  @Test
  void a_name_that_never_ends_says_nothing() {
    assertThat(harmony("<|channel|>anal")).isEqualTo(new Piece("", ""));
  }
}
