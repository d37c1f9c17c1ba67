package dev.serval.command;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.model.Tokenizer;
import dev.serval.api.storage.Checkpoint;
import dev.serval.command.bench.Perplexity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures how surprised a model is by a text. */
@Command(
    name = "perplexity",
    description = {
      "Measures how surprised a model is by a text: the lower, the better it knows its like.",
      "The text is cut into windows, of each of which the second half counts, as in llama.cpp;",
      "so the two can be compared on one GGUF file."
    })
final class PerplexityCommand implements Callable<Integer> {
  private final Console console;

  @Spec
  @SuppressWarnings("NullAway.Init")
  private CommandSpec spec;

  @Parameters(paramLabel = "TEXT", description = "a file of text in UTF-8")
  @SuppressWarnings("NullAway.Init")
  private Path text;

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "tokens of a window (${DEFAULT-VALUE})")
  private int window = 512;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "how many windows of the text to read (all)")
  private int most = Integer.MAX_VALUE;

  @Mixin private ModelOptions model = new ModelOptions();

  PerplexityCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (window < 4 || most < 1) {
      throw new ParameterException(
          spec.commandLine(), "--window is at least 4 and --windows at least 1");
    }
    StoredModels stored = new StoredModels();
    try (Checkpoint checkpoint = stored.inspect(model.path());
        NativeMemory memory = NativeMemory.root("perplexity", Bytes.of(Long.MAX_VALUE))) {
      List<int[]> windows = windows(checkpoint);
      try (ComputeBackend backend = backend(memory);
          ProgressBar bar = new ProgressBar(console, System::nanoTime)) {
        double perplexity =
            new Perplexity(
                    checkpoint, stored.family(checkpoint), backend, window, model.kvDtype(), bar)
                .of(windows);
        console
            .out()
            .printf(
                Locale.ROOT,
                "%.4f over %d windows of %d tokens (%s)%n",
                perplexity,
                windows.size(),
                window,
                backend.description());
      }
      return ExitCode.OK;
    }
  }

  private List<int[]> windows(Checkpoint checkpoint) throws IOException {
    String content = Files.readString(text);
    try (TextCodec codec = codec(checkpoint)) {
      Tokenizer tokenizer = codec.tokenizer();
      int[] tokens = tokenizer.encode(content, true);
      int count = Math.min(tokens.length / window, most);
      if (count == 0) {
        throw new CommandException(
            "%s has %d tokens; a window takes %d".formatted(text, tokens.length, window));
      }
      return windows(tokens, count, begins(tokenizer));
    }
  }

  private List<int[]> windows(int[] tokens, int count, boolean begins) {
    List<int[]> windows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] one = Arrays.copyOfRange(tokens, i * window, (i + 1) * window);
      one[0] = begins ? tokens[0] : one[0];
      windows.add(one);
    }
    return windows;
  }

  /** Whether each text begins with a token of its own. */
  private static boolean begins(Tokenizer tokenizer) {
    int[] with = tokenizer.encode("a", true);
    return with.length > tokenizer.encode("a", false).length
        && tokenizer.beginningOfSequence().stream().anyMatch(id -> id == with[0]);
  }

  private static TextCodec codec(Checkpoint checkpoint) {
    return ServiceLoader.load(TextCodecReader.class).stream()
        .findFirst()
        .orElseThrow(() -> new CommandException("there is no reader of tokenizers"))
        .get()
        .read(checkpoint);
  }

  private ComputeBackend backend(NativeMemory memory) {
    List<Device> devices =
        ServiceLoader.load(DeviceProvider.class).stream()
            .flatMap(provider -> provider.get().discover().devices().stream())
            .filter(model::runsOn)
            .toList();
    for (ComputeBackendProvider provider : ServiceLoader.load(ComputeBackendProvider.class)) {
      for (Device device : devices) {
        if (provider.supports(device)) {
          return provider.open(device, model.computeOptions(), memory);
        }
      }
    }
    throw new CommandException("no compute backend runs on any device that was found");
  }
}
