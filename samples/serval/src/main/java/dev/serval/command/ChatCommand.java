package dev.serval.command;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Answers one question, or converses. */
@Command(
    name = "chat",
    description = {
      "Asks a model: a question as argument is answered; without one, a conversation begins.",
      "In a conversation /clear forgets what was said, and /exit or Ctrl-D ends it."
    })
final class ChatCommand implements Callable<Integer> {
  private static final String PROMPT = "> ";

  private final Console console;

  @Parameters(paramLabel = "QUESTION", arity = "0..*", description = "what to ask")
  private List<String> question = new ArrayList<>();

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "what the model is told beforehand")
  private @Nullable String system;

  @Option(
      names = "--template",
      paramLabel = "NAME=VALUE",
      description = "what the model's chat template is told, such as enable_thinking=false")
  private Map<String, String> template = new LinkedHashMap<>();

  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private SamplingOptions sampling = new SamplingOptions();

  ChatCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    sampling.check();
    try (ServingRuntime runtime = model.open(console)) {
      List<ChatMessage> history = beginning();
      if (question.isEmpty()) {
        converse(runtime, history);
      } else {
        ask(runtime, history, String.join(" ", question));
      }
      return ExitCode.OK;
    }
  }

  private List<ChatMessage> beginning() {
    List<ChatMessage> history = new ArrayList<>();
    if (system != null) {
      history.add(ChatMessage.system(system));
    }
    return history;
  }

  private void converse(ServingRuntime runtime, List<ChatMessage> history) throws IOException {
    for (String line = nextLine(); line != null; line = nextLine()) {
      String said = line.strip();
      if (said.equals("/exit")) {
        return;
      } else if (said.equals("/clear")) {
        history.clear();
        history.addAll(beginning());
      } else if (!said.isEmpty()) {
        askOrComplain(runtime, history, said);
      }
    }
  }

  /** True, false and whole numbers are what they look like, all else is text. */
  private Map<String, Object> variables() {
    Map<String, Object> variables = new LinkedHashMap<>();
    template.forEach((name, value) ->
        variables.put(
            name,
            switch (value) {
              case "true", "false" -> Boolean.valueOf(value);
              case String text when text.matches("-?\\d{1,18}") -> Long.valueOf(text);
              default -> value;
            }));
    return variables;
  }

  private @Nullable String nextLine() throws IOException {
    if (console.typedIn()) {
      console.err().print(PROMPT);
      console.err().flush();
    }
    return console.in().readLine();
  }

  private void askOrComplain(ServingRuntime runtime, List<ChatMessage> history, String said) {
    int before = history.size();
    try {
      ask(runtime, history, said);
    } catch (InvalidRequestException e) {
      history.subList(before, history.size()).clear();
      console.err().println("serval: " + e.getMessage() + " (/clear forgets what was said)");
    }
  }

  private void ask(ServingRuntime runtime, List<ChatMessage> history, String said) {
    history.add(ChatMessage.user(said));
    Prompt prompt = Prompt.chat(history, variables());
    GenerationRequest request = sampling.request(prompt).build();
    String answer = Answer.stream(runtime, request, console.out(), console.err()).text();
    console.out().println();
    history.add(ChatMessage.assistant(answer));
  }
}
