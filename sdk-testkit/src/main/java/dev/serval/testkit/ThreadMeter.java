package dev.serval.testkit;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Reads what threads have used, for tests of frugality. */
public final class ThreadMeter {
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** For the threads of this JVM. */
  public ThreadMeter() {}

  /**
   * What the calling thread has allocated on the Java heap since it began.
   *
   * @return bytes, whether or not they were collected since
   */
  public long allocatedBytes() {
    return threads.getCurrentThreadAllocatedBytes();
  }

  /**
   * What a thread has allocated on the Java heap since it began.
   *
   * @param thread the thread, alive
   * @return bytes, whether or not they were collected since
   */
  public long allocatedBytes(Thread thread) {
    return threads.getThreadAllocatedBytes(thread.threadId());
  }

  /**
   * What all threads have allocated on the Java heap since the JVM began.
   *
   * @return bytes, whether or not they were collected since
   */
  public long allAllocatedBytes() {
    return threads.getTotalThreadAllocatedBytes();
  }

  /**
   * How long the process has kept processors busy.
   *
   * @return nanoseconds since it began, over all processors
   */
  public long processNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  /**
   * How long a thread has kept a processor busy.
   *
   * @param thread the thread, alive
   * @return nanoseconds since it began
   */
  public long processorNanos(Thread thread) {
    return threads.getThreadCpuTime(thread.threadId());
  }
}
