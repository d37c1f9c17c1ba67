package dev.serval.command;

import dev.serval.api.storage.Checkpoint;
import dev.serval.command.inspect.CheckpointSheet;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** Looks into a checkpoint without loading it. */
@Command(
    name = "inspect",
    description = {
      "Looks into a checkpoint of any format that can be read: what it is, its configuration,",
      "tokenizer and tensors, and what would run it. Everything but the weights is checked."
    })
final class InspectCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "FILE|FOLDER", description = "a GGUF file, or a Hugging Face folder")
  @SuppressWarnings("NullAway.Init")
  private Path path;

  @Option(names = "--json", description = "print one JSON object")
  private boolean asJson;

  @Option(names = "--digest", description = "read every byte for the digest over the artefact")
  private boolean digest;

  InspectCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    StoredModels stored = new StoredModels();
    try (Checkpoint checkpoint = stored.inspect(path)) {
      CheckpointSheet sheet =
          new CheckpointSheet(checkpoint, stored.families(), stored.sizes(), digest);
      console.out().print(asJson ? json(sheet) + "\n" : sheet);
      return ExitCode.OK;
    }
  }

  private static String json(CheckpointSheet sheet) {
    return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(sheet.fields());
  }
}
