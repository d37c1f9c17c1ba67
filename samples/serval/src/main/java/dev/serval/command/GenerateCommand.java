package dev.serval.command;

import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.Prompt;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Timings;
import java.io.IOException;
import java.io.StringWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** Continues a text as it stands, with no chat template. */
@Command(
    name = "generate",
    description = "Continues a text as it stands, without the model's chat template.")
final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      paramLabel = "PROMPT",
      arity = "0..1",
      description =
          "what to continue; read from the standard input, but for its last line break, if it is not given")
  private @Nullable String prompt;

  @Option(
      names = "--json",
      description = "print one JSON object with text, finish reason, usage and timings")
  private boolean asJson;

  @Option(names = "--ignore-eos", description = "go on past the model's end of sequence")
  private boolean ignoreEos;

  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private SamplingOptions sampling = new SamplingOptions();

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    GenerationRequest request = sampling.request(Prompt.text(text())).ignoreEos(ignoreEos).build();
    try (ServingRuntime runtime = model.open(console)) {
      if (asJson) {
        console.out().println(json(Answer.whole(runtime, request)));
      } else {
        Answer.stream(runtime, request, console.out(), console.err());
        console.out().println();
      }
      return ExitCode.OK;
    }
  }

  private String text() throws IOException {
    if (prompt != null) {
      return prompt;
    }
    if (console.typedIn()) {
      throw new CommandException("generate needs a text to continue, as argument or piped in");
    }
    StringWriter piped = new StringWriter();
    console.in().transferTo(piped);
    return piped.toString().replaceFirst("\\R\\z", "");
  }

  private static String json(GenerationResult result) {
    GenerationResult.Choice choice = result.choices().getFirst();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("text", choice.text());
    fields.put("finish_reason", choice.finishReason().name().toLowerCase(Locale.ROOT));
    fields.put("token_ids", choice.tokenIds());
    fields.put(
        "usage",
        Map.of(
            "prompt_tokens", result.usage().promptTokens(),
            "cached_prompt_tokens", result.usage().cachedPromptTokens(),
            "completion_tokens", result.usage().completionTokens(),
            "drafted_tokens", result.usage().draftedTokens(),
            "accepted_tokens", result.usage().acceptedTokens()));
    fields.put("timings_ms", timings(result.timings()));
    return JsonMapper.builder().build().writeValueAsString(fields);
  }

  private static Map<String, Object> timings(Timings timings) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("queue", millis(timings.queue()));
    fields.put("time_to_first_token", millis(timings.timeToFirstToken()));
    fields.put("gaps", timings.gaps().stream().map(GenerateCommand::millis).toList());
    fields.put("total", millis(timings.total()));
    return fields;
  }

  private static double millis(Duration duration) {
    return duration.toNanos() / 1e6;
  }
}
