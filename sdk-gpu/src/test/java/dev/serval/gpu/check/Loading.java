package dev.serval.gpu.check;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.FileRange;
import dev.serval.gpu.compute.CudaBackendProvider;
import dev.serval.gpu.compute.GpuModel;
import dev.serval.gpu.transfer.DriveRate;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Loads a checkpoint beside what its drive gives by itself, read before and after: {@code Loading
 * NAME FOLDER ANSWERS}. Of the drive's own two rates, from the first file and from the last, the
 * better one counts.
 */
public final class Loading {
  private static final SteppedModel.Setup SETUP =
      new SteppedModel.Setup(DType.BF16, 16, 16, new StepLimits(64, 1));

  private Loading() {}

  /**
   * Runs it.
   *
   * @param args as above
   * @throws Exception when anything goes wrong
   */
  public static void main(String[] args) throws Exception {
    Table table = new Table(args[0]);
    Path folder = Path.of(args[1]);
    List<Path> files = weights(folder);
    DriveRate before = DriveRate.of(FileRange.of(files.getFirst()));
    table.line("drive, before", "", "%s", before);
    JsonNode answers = JsonMapper.shared().readTree(Files.newInputStream(Path.of(args[2])));
    double rate = load(table, folder, answers.get("answers").get(0));
    DriveRate after = DriveRate.of(FileRange.of(files.getLast()));
    table.line("drive, after", "", "%s", after);
    double best = Math.max(before.gigabytesPerSecond(), after.gigabytesPerSecond());
    table.line("load beside the drive", ">= 90 %", "%.1f %%", 100 * rate / best);
  }

  private static double load(Table table, Path folder, JsonNode answer) {
    try (Checkpoint checkpoint = new SafetensorsReader().open(folder, LoadListener.NONE)) {
      Load load = Load.of(checkpoint, new CudaBackendProvider(), Decoding.firstGpu(), SETUP);
      try (GpuModel model = load.model()) {
        load.tell(table);
        firstToken(table, model, answer);
      }
      return load.gigabytesPerSecond();
    }
  }

  /** Beside transformers' own. */
  private static void firstToken(Table table, GpuModel model, JsonNode answer) {
    int[] prompt = Decoding.ints(answer.get("prompt"));
    JsonNode top = answer.get("top").get(0);
    table.line(
        "first token",
        "the same if it leads",
        "%d, transformers' %d, which leads by %.2f",
        SteppedModel.argmax(model.logits(prompt, prompt.length)),
        top.get(0).get(0).asInt(),
        top.get(0).get(1).asDouble() - top.get(1).get(1).asDouble());
  }

  private static List<Path> weights(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    }
  }
}
