package dev.serval.command;

import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * Ctrl-C and the service manager's request to end, counted: the first is for ending in order, the
 * second for ending at once.
 *
 * <p>A JVM that has begun to end takes no second Ctrl-C, so ending in order must begin outside of
 * its shutdown hooks. The handler goes through {@code sun.misc.Signal}, the only door there is; by
 * reflection, since the compiler warns of that class and cannot be told otherwise.
 */
final class Interrupts {
  private static final String[] SIGNALS = {"INT", "TERM"};

  private Interrupts() {}

  /**
   * Takes the signals over for the rest of the process's life.
   *
   * @param heard called with 1 at the first signal and 2 at the second, on a thread of the JVM's
   */
  static void count(IntConsumer heard) {
    AtomicInteger count = new AtomicInteger();
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object counting =
          Proxy.newProxyInstance(
              handler.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                heard.accept(count.incrementAndGet());
                return null;
              });
      for (String name : SIGNALS) {
        Object one = signal.getConstructor(String.class).newInstance(name);
        signal.getMethod("handle", signal, handler).invoke(null, one, counting);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JVM does not hand out its signals", e);
    }
  }
}
