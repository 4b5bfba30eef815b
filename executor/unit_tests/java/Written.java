package precieux;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What the program has written in a test. */
final class Written {
    private static final int KEPT = 65536;
    private final long limit;
    private final Map<String, StringBuilder> kept = new HashMap<>();
    private final Map<String, Long> sizes = new HashMap<>();
    /** While it is true, the tests' own outputs do not get the text. */
    boolean isStarting = true;

    Written(long limit) {
        this.limit = limit;
    }

    void add(String name, String text) {
        if (text.isEmpty()) return;
        StringBuilder all = kept.computeIfAbsent(name, key -> new StringBuilder());
        all.append(text, 0, Math.min(text.length(), KEPT - all.length()));
        sizes.merge(name, (long) text.getBytes(StandardCharsets.UTF_8).length, Long::sum);
        if (!isStarting) (name.equals("out") ? System.out : System.err).print(text);
    }

    boolean isOver() {
        return sizes.values().stream().anyMatch(size -> size > limit);
    }

    /** Returns what was written since the last time, and which of it was cut. */
    Map<String, Object> take() {
        Map<String, Object> taken = new HashMap<>();
        List<Object> cut = new ArrayList<>();
        for (String name : List.of("out", "err")) {
            taken.put(name, kept.getOrDefault(name, new StringBuilder()).toString());
            if (sizes.getOrDefault(name, 0L) > KEPT) cut.add(name);
        }
        taken.put("cut", cut);
        kept.clear();
        sizes.clear();
        return taken;
    }
}
