package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.testkit.models.MiniLm;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * OpenAI's own client for Node.js against a running {@code serval serve}. The client is fetched by
 * npm into the build folder; without Node.js there is nothing to run it with.
 */
@Tag("slow")
final class OpenAiClientTest {
  private static final String CLIENT = "6.49.0";
  private static final String SCRIPT = "openai-client.mjs";
  private static final Path FOLDER =
      Path.of(System.getProperty("basedir", "."), "target", "openai-client").toAbsolutePath();

  @TestFactory
  Stream<DynamicTest> the_client_of_openai_is_served(@TempDir Path models) throws Exception {
    assumeTrue(there("node") && there("npm"), "Node.js and npm are not installed");
    install();
    Path minilm = MiniLm.unpack(models);
    try (ServeProcess serve = ServeProcess.start("--embeddings", minilm.toString())) {
      String checks = run("node", SCRIPT, serve.base().toString());
      return checks
          .lines()
          .map(JsonMapper.builder().build()::readTree)
          .map(OpenAiClientTest::check);
    }
  }

  private static DynamicTest check(JsonNode outcome) {
    return DynamicTest.dynamicTest(
        outcome.get("name").asString(),
        () -> assertThat(outcome.get("error").asString("")).isEmpty());
  }

  private static void install() throws IOException, InterruptedException {
    Files.createDirectories(FOLDER);
    try (InputStream script = OpenAiClientTest.class.getResourceAsStream(SCRIPT)) {
      Files.write(FOLDER.resolve(SCRIPT), script.readAllBytes());
    }
    Files.writeString(
        FOLDER.resolve("package.json"),
        "{\"private\":true,\"dependencies\":{\"openai\":\"%s\"}}".formatted(CLIENT));
    run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts");
  }

  private static boolean there(String program) throws InterruptedException {
    try {
      return new ProcessBuilder(program, "--version").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static String run(String... line) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(List.of(line))
            .directory(FOLDER.toFile())
            .redirectError(FOLDER.resolve("errors").toFile())
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor())
        .as("%s: %s", String.join(" ", line), Files.readString(FOLDER.resolve("errors")))
        .isZero();
    return out;
  }
}
