/** JMH benchmarks, each of which says how to run it and what it compares. */
package dev.serval.benchmarks;
