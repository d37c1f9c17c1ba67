package dev.serval.api.device;

import java.time.Duration;

/**
 * Follows how devices fare. It does its work when {@link #work} is called, over and over, by one
 * thread, which also closes it; {@link #condition} answers any thread.
 */
public interface DeviceWatch extends AutoCloseable {
  /**
   * Waits for news and takes it in.
   *
   * @param patience how long to wait at most
   * @return how many news there were
   */
  int work(Duration patience);

  /**
   * How a device fares as far as is known.
   *
   * @param device any device
   * @return its condition; good where it is not watched
   */
  DeviceCondition condition(Device device);

  /** Ends the watch. Closing again does nothing. */
  @Override
  void close();
}
