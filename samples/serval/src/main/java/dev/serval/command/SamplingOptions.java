package dev.serval.command;

import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How an answer is drawn and when it ends. */
final class SamplingOptions {
  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 takes the likeliest token, up to 2 varies more (${DEFAULT-VALUE})",
      defaultValue = "0")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "draw from the N likeliest tokens; 0 for all (${DEFAULT-VALUE})",
      defaultValue = "0")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "draw from the likeliest tokens up to this mass (${DEFAULT-VALUE})",
      defaultValue = "1")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "drop tokens less likely than P times the likeliest (${DEFAULT-VALUE})",
      defaultValue = "0")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "F",
      description = "above 1 makes what was seen less likely (${DEFAULT-VALUE})",
      defaultValue = "1")
  private double repetitionPenalty;

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      description = "taken off what was generated before, -2 to 2 (${DEFAULT-VALUE})",
      defaultValue = "0")
  private double presencePenalty;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      description = "taken off for each time it was generated, -2 to 2 (${DEFAULT-VALUE})",
      defaultValue = "0")
  private double frequencyPenalty;

  @Option(names = "--seed", paramLabel = "N", description = "makes the draw repeatable")
  private @Nullable Long seed;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "end after N tokens (what the context holds)")
  private @Nullable Integer maxTokens;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "end before this text; may be given several times")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--prediction",
      paramLabel = "FILE",
      description = "a text that the answer will be much like: what of it is right comes sooner")
  private @Nullable Path prediction;

  private @Nullable String predicted;

  GenerationRequest.Builder request(Prompt prompt) {
    GenerationRequest.Builder request =
        GenerationRequest.builder(prompt)
            .sampling(sampling())
            .stopStrings(stop)
            .prediction(prediction());
    return maxTokens == null ? request : request.maxTokens(maxTokens);
  }

  /** Finds wrong values before anything is loaded. */
  void check() {
    request(Prompt.text("")).build();
  }

  /** Read once, since the file may be a pipe. */
  private String prediction() {
    if (predicted == null) {
      predicted = prediction == null ? "" : read(prediction);
    }
    return predicted;
  }

  private static String read(Path prediction) {
    try {
      return Files.readString(prediction);
    } catch (NoSuchFileException e) {
      throw new CommandException("prediction: there is nothing at " + prediction, e);
    } catch (IOException e) {
      throw new CommandException("prediction: " + prediction + " is no text in UTF-8: " + e, e);
    }
  }

  private Sampling sampling() {
    Sampling.Builder sampling =
        Sampling.builder()
            .temperature(temperature)
            .topK(topK)
            .topP(topP)
            .minP(minP)
            .repetitionPenalty(repetitionPenalty)
            .presencePenalty(presencePenalty)
            .frequencyPenalty(frequencyPenalty);
    return (seed == null ? sampling : sampling.seed(seed)).build();
  }
}
