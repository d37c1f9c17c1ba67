package dev.serval.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.storage.CheckpointReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class ServiceTest {
  private static final String[] READERS = {
    SafetensorsReader.class.getName(), GgufReader.class.getName()
  };

  @Test
  void the_readers_are_provided_on_the_module_path() {
    assertThat(SafetensorsReader.class.getModule().getDescriptor().provides())
        .anySatisfy(provided -> {
          assertThat(provided.service()).isEqualTo(CheckpointReader.class.getName());
          assertThat(provided.providers()).containsExactlyInAnyOrder(READERS);
        });
  }

  @Test
  void the_readers_are_provided_on_the_class_path() throws IOException {
    try (InputStream entry =
        SafetensorsReader.class.getResourceAsStream(
            "/META-INF/services/" + CheckpointReader.class.getName())) {
      assertThat(new String(entry.readAllBytes(), StandardCharsets.UTF_8).lines())
          .containsExactlyInAnyOrder(READERS);
    }
  }

  @Test
  void a_reader_works_with_at_least_one_thread() {
    assertThatThrownBy(() -> new SafetensorsReader(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not 0");
  }
}
