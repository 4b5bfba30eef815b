package precieux;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads and writes JSON. Whole numbers are read as Long. A text that is no JSON is a RuntimeException. */
final class Json {
    /** Levels of lists: two for each level of a value, and those of a message around it. */
    private static final int MAX_DEPTH = 2 * Values.MAX_DEPTH + 8;
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object read(String text) {
        Json json = new Json(text);
        Object value = json.value(0);
        json.skip();
        if (json.at != text.length()) throw new IllegalArgumentException("more than one value");
        return value;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> readObject(String text) {
        return (Map<String, Object>) read(text);
    }

    private Object value(int depth) {
        if (depth > MAX_DEPTH) throw new IllegalArgumentException("too deep");
        switch (next()) {
            case '"': return string();
            case '[': return list(depth);
            case '{': return object(depth);
            case 't': return word("true", true);
            case 'f': return word("false", false);
            case 'n': return word("null", null);
            default: return number();
        }
    }

    private List<Object> list(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        if (isEnd(']')) return items;
        do items.add(value(depth + 1)); while (isMore(']'));
        return items;
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> items = new LinkedHashMap<>();
        at++;
        if (isEnd('}')) return items;
        do {
            if (next() != '"') throw new IllegalArgumentException("no key");
            String key = string();
            if (next() != ':') throw new IllegalArgumentException("no colon");
            at++;
            items.put(key, value(depth + 1));
        } while (isMore('}'));
        return items;
    }

    private boolean isEnd(char end) {
        boolean isEnd = next() == end;
        if (isEnd) at++;
        return isEnd;
    }

    private boolean isMore(char end) {
        char mark = next();
        at++;
        if (mark != ',' && mark != end) throw new IllegalArgumentException("no comma");
        return mark == ',';
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw new IllegalArgumentException("no word");
        at += word.length();
        return value;
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
        String digits = text.substring(start, at);
        if (digits.length() > 40) throw new IllegalArgumentException("a long number");
        if (digits.matches("-?[0-9]+")) return Long.valueOf(digits);
        return Double.valueOf(digits);
    }

    private String string() {
        int start = ++at;
        while (text.charAt(at) != '"' && text.charAt(at) != '\\') at++;
        StringBuilder made = new StringBuilder().append(text, start, at);
        for (;;) {
            char character = text.charAt(at++);
            if (character == '"') return made.toString();
            made.append(character == '\\' ? escaped() : character);
        }
    }

    private char escaped() {
        char kind = text.charAt(at++);
        if (kind == 'u') {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        }
        int place = "\"\\/bfnrt".indexOf(kind);
        if (place < 0) throw new IllegalArgumentException("an unknown escape");
        return "\"\\/\b\f\n\r\t".charAt(place);
    }

    private char next() {
        skip();
        if (at >= text.length()) throw new IllegalArgumentException("it ends too early");
        return text.charAt(at);
    }

    private void skip() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    static String write(Object value) {
        StringBuilder line = new StringBuilder();
        write(value, line);
        return line.toString();
    }

    private static void write(Object value, StringBuilder line) {
        if (value instanceof Map<?, ?>) {
            line.append('{');
            String comma = "";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                line.append(comma);
                write(entry.getKey(), line);
                line.append(':');
                write(entry.getValue(), line);
                comma = ",";
            }
            line.append('}');
        } else if (value instanceof List<?>) {
            line.append('[');
            String comma = "";
            for (Object item : (List<?>) value) {
                line.append(comma);
                write(item, line);
                comma = ",";
            }
            line.append(']');
        } else if (value instanceof String) {
            quote((String) value, line);
        } else {
            line.append(value);
        }
    }

    private static void quote(String text, StringBuilder line) {
        line.append('"');
        for (int index = 0; index < text.length(); index++) {
            char character = text.charAt(index);
            if (character == '"' || character == '\\') line.append('\\').append(character);
            else if (character < ' ' || Character.isSurrogate(character)) line.append(String.format("\\u%04x", (int) character));
            else line.append(character);
        }
        line.append('"');
    }
}
