package dev.serval.storage;

import dev.serval.api.storage.CheckpointReader;
import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.CheckpointReaderContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;

final class SafetensorsReaderTest {
  @Nested
  final class OfASingleFile extends CheckpointReaderContract {
    @Override
    protected CheckpointReader reader() {
      return new SafetensorsReader();
    }

    @Override
    protected Path write(Path folder, List<StoredTensor> tensors) throws IOException {
      Files.write(folder.resolve("model.safetensors"), SafetensorsWriter.file(tensors));
      return SafetensorsWriter.texts(folder);
    }
  }

  @Nested
  final class OfTheFileItself extends CheckpointReaderContract {
    @Override
    protected CheckpointReader reader() {
      return new SafetensorsReader(1);
    }

    @Override
    protected Path write(Path folder, List<StoredTensor> tensors) throws IOException {
      SafetensorsWriter.texts(folder);
      return Files.write(folder.resolve("my weights.safetensors"), SafetensorsWriter.file(tensors));
    }
  }

  @Nested
  final class OfShards extends CheckpointReaderContract {
    @Override
    protected CheckpointReader reader() {
      return new SafetensorsReader(3);
    }

    @Override
    protected Path write(Path folder, List<StoredTensor> tensors) throws IOException {
      return ShardedModel.write(SafetensorsWriter.texts(folder), tensors);
    }
  }
}
