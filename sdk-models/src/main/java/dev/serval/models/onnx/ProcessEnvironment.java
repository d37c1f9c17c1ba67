package dev.serval.models.onnx;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtLoggingLevel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** ONNX Runtime's environment, of which a process has one; it is never closed. */
final class ProcessEnvironment {
  /*
   * While it is created, ONNX Runtime 1.29.0 matches the process's command line with a regular
   * expression that recurses for each character, some 700 bytes of stack at a time. On a thread with
   * the usual megabyte a command line of about 3,000 characters, which a class path of thirty jars has,
   * ends the whole JVM with a segmentation fault and no word. So the environment is created on a
   * thread of its own, whose stack has room for the command line; only what is touched of it is real.
   */
  private static final long STACK = 64L << 20;
  private static final long STACK_PER_CHARACTER = 1 << 10;
  private static final long LARGEST_STACK = 1L << 30;

  private ProcessEnvironment() {}

  /** The environment, created if there is none. */
  static OrtEnvironment open() {
    CompletableFuture<OrtEnvironment> opened = new CompletableFuture<>();
    Thread thread = new Thread(null, () -> open(opened), "serval-onnx-environment", stack());
    thread.setDaemon(true);
    thread.start();
    try {
      return opened.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof Error failure) {
        throw failure;
      }
      throw e;
    }
  }

  private static void open(CompletableFuture<OrtEnvironment> opened) {
    try {
      opened.complete(
          OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "serval"));
    } catch (Throwable t) {
      opened.completeExceptionally(t);
    }
  }

  private static long stack() {
    long line = ProcessHandle.current().info().commandLine().map(String::length).orElse(0);
    return Math.min(LARGEST_STACK, STACK + STACK_PER_CHARACTER * line);
  }
}
