package dev.serval.models.onnx;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.TensorInfo;
import dev.serval.api.storage.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A graph in ONNX Runtime that takes batches of token ids and gives a vector for each token or each
 * text. One thread at a time runs it.
 */
final class GraphSession implements AutoCloseable {
  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";
  private static final String TYPES = "token_type_ids";
  private static final List<String> KNOWN = List.of(IDS, MASK, TYPES);

  private final OrtEnvironment environment;
  private final OrtSession session;
  private final Output output;
  private final boolean rewritten;
  private boolean closed;
  private LongBuffer ids = longs(1024);
  private LongBuffer mask = longs(1024);
  private LongBuffer types = longs(1024);

  /**
   * The output that is used.
   *
   * @param name its name
   * @param pooled whether it is a vector for each text, and not for each token
   * @param dimensions how long a vector is
   */
  record Output(String name, boolean pooled, int dimensions) {}

  /** What went wrong with a model's graph, without the names of files. */
  private static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    Unusable(String message) {
      super(message);
    }
  }

  private GraphSession(
      OrtEnvironment environment, OrtSession session, Output output, boolean rewritten) {
    this.environment = environment;
    this.session = session;
    this.output = output;
    this.rewritten = rewritten;
  }

  /** Opens a model's graph. */
  static GraphSession open(OnnxFiles files, int threads) {
    OrtEnvironment environment = ProcessEnvironment.open();
    try (FileChannel channel = FileChannel.open(files.model());
        SessionOptions options = new SessionOptions()) {
      configure(options, threads);
      Optional<ByteBuffer> changed =
          RowQuantisation.rewrite(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()));
      OrtSession session =
          changed.isPresent()
              ? environment.createSession(changed.get(), options)
              : environment.createSession(files.model().toString(), options);
      return checked(environment, session, changed.isPresent());
    } catch (IOException | OrtException | Unusable | IllegalArgumentException e) {
      throw new CheckpointException(
          "%s is no embedding model that can be run: %s".formatted(files.model(), reason(e)), e);
    }
  }

  /** What a failure says, on one line. */
  static String reason(Exception failure) {
    return String.valueOf(failure.getMessage()).strip().replaceAll("\\s+", " ");
  }

  /** Threads that have done their share of a batch sleep at once: others need the cores. */
  private static void configure(SessionOptions options, int threads) throws OrtException {
    options.setIntraOpNumThreads(threads);
    options.setInterOpNumThreads(1);
    options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
    options.addConfigEntry("session.force_spinning_stop", "1");
  }

  private static GraphSession checked(
      OrtEnvironment environment, OrtSession session, boolean rewritten)
      throws OrtException, Unusable {
    try {
      checkInputs(session.getInputInfo());
      return new GraphSession(environment, session, output(session.getOutputInfo()), rewritten);
    } catch (OrtException | Unusable e) {
      session.close();
      throw e;
    }
  }

  private static void checkInputs(Map<String, NodeInfo> inputs) throws Unusable {
    if (!inputs.containsKey(IDS)) {
      throw new Unusable("it takes %s, and not %s".formatted(inputs.keySet(), IDS));
    }
    for (Map.Entry<String, NodeInfo> input : inputs.entrySet()) {
      if (!KNOWN.contains(input.getKey())) {
        throw new Unusable(
            "it takes '%s', which nobody here knows; known are %s"
                .formatted(input.getKey(), KNOWN));
      }
      if (!(input.getValue().getInfo() instanceof TensorInfo tensor)
          || tensor.type != OnnxJavaType.INT64
          || tensor.getShape().length != 2) {
        throw new Unusable(
            "its input '%s' is to be of 64-bit numbers, one for each text and token, not %s"
                .formatted(input.getKey(), input.getValue().getInfo()));
      }
    }
  }

  /** A vector for each text where there is one, else the first that has one for each token. */
  private static Output output(Map<String, NodeInfo> outputs) throws Unusable {
    Output perToken = null;
    for (Map.Entry<String, NodeInfo> output : outputs.entrySet()) {
      if (output.getValue().getInfo() instanceof TensorInfo tensor
          && tensor.type == OnnxJavaType.FLOAT) {
        long[] shape = tensor.getShape();
        int dimensions = (int) shape[Math.max(0, shape.length - 1)];
        if (shape.length == 2 && output.getKey().equals("sentence_embedding") && dimensions > 0) {
          return new Output(output.getKey(), true, dimensions);
        }
        if (shape.length == 3 && perToken == null && dimensions > 0) {
          perToken = new Output(output.getKey(), false, dimensions);
        }
      }
    }
    if (perToken == null) {
      throw new Unusable(
          "it gives %s, and nothing that has a vector of floating-point numbers for each token"
              .formatted(outputs.keySet()));
    }
    return perToken;
  }

  Output output() {
    return output;
  }

  /** Whether the graph was changed so that activations are rounded row by row. */
  boolean rewritten() {
    return rewritten;
  }

  /**
   * Runs a batch.
   *
   * @param texts the tokens of each text, the shorter ones to be padded
   * @param longest how long the longest is
   * @return the output, text by text, padding included
   */
  FloatBuffer run(List<int[]> texts, int longest) throws OrtException {
    fill(texts, longest);
    long[] shape = {texts.size(), longest};
    Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      for (String name : session.getInputNames()) {
        inputs.put(name, OnnxTensor.createTensor(environment, buffer(name), shape));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        return ((OnnxTensor) result.get(output.name()).orElseThrow()).getFloatBuffer();
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private LongBuffer buffer(String input) {
    return switch (input) {
      case IDS -> ids;
      case MASK -> mask;
      default -> types;
    };
  }

  private void fill(List<int[]> texts, int longest) {
    int elements = texts.size() * longest;
    if (ids.capacity() < elements) {
      ids = longs(elements);
      mask = longs(elements);
      types = longs(elements);
    }
    for (LongBuffer buffer : List.of(ids, mask, types)) {
      buffer.clear().limit(elements);
    }
    for (int text = 0; text < texts.size(); text++) {
      int[] tokens = texts.get(text);
      for (int i = 0; i < longest; i++) {
        ids.put(text * longest + i, i < tokens.length ? tokens[i] : 0);
        mask.put(text * longest + i, i < tokens.length ? 1 : 0);
      }
    }
  }

  private static LongBuffer longs(int elements) {
    return ByteBuffer.allocateDirect(elements * Long.BYTES)
        .order(ByteOrder.nativeOrder())
        .asLongBuffer();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime's session could not be closed", e);
    }
  }
}
