package dev.serval.models.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OrtEnvironment;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Regression: a long command line ended the JVM with a segmentation fault. */
final class ProcessEnvironmentTest {
  @Test
  void a_process_with_a_command_line_of_any_length_has_an_environment() throws Exception {
    Path built = Path.of(System.getProperty("basedir", "."), "target").toAbsolutePath();
    String runtime =
        OrtEnvironment.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-Dlong=" + "x".repeat(50_000),
                    "-cp",
                    String.join(
                        File.pathSeparator,
                        built.resolve("classes").toString(),
                        built.resolve("test-classes").toString(),
                        runtime),
                    Opened.class.getName()))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(Opened.CODE);
  }

  /** Opens the environment in a process of its own. */
  static final class Opened {
    static final int CODE = 7;

    private Opened() {}

    /** Ends with {@link #CODE} if it could be opened. */
    public static void main(String[] arguments) {
      boolean opened = ProcessEnvironment.open().getVersion().startsWith("1.");
      Runtime.getRuntime().exit(opened ? CODE : 1);
    }
  }
}
