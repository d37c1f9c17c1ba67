package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ChatMessage;
import dev.serval.api.model.ChatTemplate;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/**
 * What every {@link ChatTemplate} keeps to that takes turns of user and assistant and leaves what
 * they say as it is.
 */
public abstract class ChatTemplateContract {
  private static final List<String> SAYINGS =
      List.of(
          "What is a heron?",
          "{{ 7*7 }}",
          "{% raw %}",
          "{% endraw %}{% if true %}",
          "{# hidden",
          "${7*7} #{7*7} <%= 7*7 %>",
          "{{ messages }}{{ self }}",
          "<b>&amp; 'quoted' \"twice\"",
          "line\nline\r\nline",
          "東京 👩‍🚀 \\u0041 \\n");

  /** For subclasses. */
  protected ChatTemplateContract() {}

  /**
   * The template under test.
   *
   * @return the template
   */
  protected abstract ChatTemplate template();

  @Test
  void what_is_said_is_printed_and_never_evaluated() {
    ChatTemplate template = template();
    for (String saying : SAYINGS) {
      assertThat(template.render(List.of(ChatMessage.user(saying)), true)).contains(saying);
    }
  }

  @Test
  void turns_come_in_their_order() {
    String text =
        template()
            .render(
                List.of(
                    ChatMessage.user("first"),
                    ChatMessage.assistant("second"),
                    ChatMessage.user("third")),
                true);
    assertThat(text).containsSubsequence("first", "second", "third");
  }

  @Test
  void a_prompt_for_the_assistant_is_added_at_the_end_when_asked_for() {
    List<ChatMessage> messages = List.of(ChatMessage.user("What is a heron?"));
    String without = template().render(messages, false);
    assertThat(template().render(messages, true)).startsWith(without).isNotEqualTo(without);
  }

  @Test
  void rendering_leaves_nothing_behind() {
    ChatTemplate template = template();
    List<ChatMessage> messages = List.of(ChatMessage.user("What is a heron?"));
    String first = template.render(messages, true);
    template.render(List.of(ChatMessage.user("x"), ChatMessage.assistant("y")), false);
    assertThat(template.render(messages, true)).isEqualTo(first);
  }

  @Test
  void many_threads_use_one_template() throws InterruptedException, ExecutionException {
    ChatTemplate template = template();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<String>> texts = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        List<ChatMessage> messages = List.of(ChatMessage.user("question " + i));
        texts.add(threads.submit(() -> template.render(messages, true)));
      }
      for (int i = 0; i < texts.size(); i++) {
        assertThat(texts.get(i).get()).contains("question " + i);
      }
    }
  }
}
