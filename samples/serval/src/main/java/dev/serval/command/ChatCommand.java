package dev.serval.command;

import dev.serval.api.ChatMessage;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
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
    Prompt prompt = Prompt.chat(history);
    String answer = Answer.stream(runtime, sampling.request(prompt).build(), console.out()).text();
    console.out().println();
    history.add(ChatMessage.assistant(answer));
  }
}
