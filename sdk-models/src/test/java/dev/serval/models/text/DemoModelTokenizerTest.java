package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ChatMessage;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.Tokenizer;
import dev.serval.testkit.TokenizerContract;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The tokenizer of the model that comes with the samples. */
final class DemoModelTokenizerTest extends TokenizerContract {
  static final Path WEIGHTS = Path.of("../samples/demo-model/weights");

  @Override
  protected Tokenizer tokenizer() {
    return new HuggingFaceTextCodecReader().read(TextCheckpoint.in(WEIGHTS)).tokenizer();
  }

  @Test
  void a_question_is_put_as_the_model_was_trained() {
    TextCodec codec = new HuggingFaceTextCodecReader().read(TextCheckpoint.in(WEIGHTS));
    String text =
        codec.chatTemplate().orElseThrow().render(List.of(ChatMessage.user("Why?")), true);
    assertThat(text).isEqualTo("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n");
    assertThat(codec.tokenizer().encode(text, false)).startsWith(1).contains(2);
    codec.close();
  }

  @Test
  void a_turn_is_spelt_with_its_special_tokens() {
    try (Tokenizer tokenizer = tokenizer()) {
      int[] ids = tokenizer.encode("<|im_start|>user\nWhat is a heron?<|im_end|>\n", false);
      assertThat(ids[0]).isEqualTo(1);
      assertThat(ids[ids.length - 2]).isEqualTo(2);
      assertThat(tokenizer.vocabulary()).isEqualTo(3072);
      assertThat(tokenizer.endOfSequence()).containsExactly(2);
      assertThat(tokenizer.beginningOfSequence()).hasValue(0);
      assertThat(tokenizer.decode(Arrays.stream(ids).boxed().toList(), true))
          .isEqualTo("user\nWhat is a heron?\n");
    }
  }
}
