package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.InterpretException;
import com.hubspot.jinjava.tree.Node;
import dev.serval.api.ChatMessage;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.model.ChatTemplate;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A chat template in Jinja's language. It is parsed and checked once; rendering shares nothing
 * between threads but the parsed template.
 */
public final class JinjaChatTemplate implements ChatTemplate {
  private static final String MESSAGES = "messages";
  private static final String GENERATION_PROMPT = "add_generation_prompt";
  private static final Set<String> CONVERSATION = Set.of(MESSAGES, GENERATION_PROMPT);

  private final Program program;
  private final Node root;
  private final Map<String, Object> variables;
  private final Set<String> open;
  private final Clock clock;

  private JinjaChatTemplate(
      Program program, Node root, Map<String, Object> variables, Clock clock) {
    this.program = program;
    this.root = root;
    this.variables = variables;
    Set<String> others = new TreeSet<>(program.variables());
    others.removeAll(variables.keySet());
    others.removeAll(CONVERSATION);
    this.open = Collections.unmodifiableSet(others);
    this.clock = clock;
  }

  /**
   * Reads a template.
   *
   * @param template its source
   * @param specialTokens the variables that name special tokens, such as {@code bos_token}
   * @param clock what templates that print today's date go by
   * @return the template
   * @throws TemplateFailure when it is not in order or asks for what is not supported, naming it
   */
  public static JinjaChatTemplate read(
      String template, Map<String, String> specialTokens, Clock clock) {
    List<Piece> pieces = TemplateScanner.scan(template);
    Program program = Program.of(pieces);
    Node root = TemplateEngine.parse(program.structure(pieces));
    return new JinjaChatTemplate(program, root, variables(specialTokens), clock);
  }

  @Override
  public Set<String> variables() {
    return open;
  }

  @Override
  public String render(Prompt.Chat conversation, boolean addGenerationPrompt) {
    conversation.variables().keySet().forEach(this::requireVariable);
    try {
      Map<String, Object> all = new LinkedHashMap<>(variables);
      all.putAll(conversation.variables());
      all.put(MESSAGES, messages(conversation.messages()));
      all.put(GENERATION_PROMPT, addGenerationPrompt);
      return TemplateEngine.render(root, all, new Rendering(program, clock));
    } catch (TemplateFailure e) {
      throw refused(e.refusal() ? String.valueOf(e.getMessage()) : unable(e.getMessage()));
    } catch (InterpretException e) {
      throw refused(unable(e.getMessage()));
    } catch (StackOverflowError e) {
      throw refused(unable("it is nested too deeply"));
    }
  }

  private void requireVariable(String name) {
    if (!open.contains(name)) {
      throw new InvalidRequestException(
          "chat_template_kwargs",
          "the model's chat template has no variable '%s'; it has %s"
              .formatted(name, open.isEmpty() ? "none" : String.join(", ", open)));
    }
  }

  private static String unable(@Nullable String why) {
    return "the model's chat template cannot render this conversation: " + why;
  }

  private static InvalidRequestException refused(String message) {
    return new InvalidRequestException("messages", message);
  }

  private static Map<String, Object> variables(Map<String, String> specialTokens) {
    Map<String, Object> variables = new LinkedHashMap<>(Functions.TABLE);
    variables.putAll(specialTokens);
    variables.put("tools", None.NONE);
    variables.put("documents", None.NONE);
    return variables;
  }

  private static List<Object> messages(List<ChatMessage> messages) {
    List<Object> conversation = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("role", message.role());
      entry.put("content", message.content());
      conversation.add(entry);
    }
    return conversation;
  }
}
