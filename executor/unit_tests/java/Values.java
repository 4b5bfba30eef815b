package precieux;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Copies the values of one message between the boxes. JSON's null, booleans, texts and numbers stand for themselves, the
 * numbers for ints; all else is a list that begins with a tag. Arrays, lists, sets and maps in a request have numbers,
 * so that both sides know which of them an answer means.
 */
abstract class Values {
    static final int MAX_DEPTH = 200;
    private static final int MAX_ITEMS = 1_000_000;
    private static final int MAX_DIGITS = 100_000;
    private static final Map<String, Class<?>> COMPONENTS = new LinkedHashMap<>();

    static {
        for (Class<?> type : new Class<?>[] {boolean.class, byte.class, short.class, char.class, int.class, long.class,
            float.class, double.class, Boolean.class, Byte.class, Short.class, Character.class, Integer.class,
            Long.class, Float.class, Double.class, String.class, BigInteger.class, BigDecimal.class}) {
            COMPONENTS.put(type.getName(), type);
        }
    }

    /** The values of the request that have numbers. */
    final List<Object> known;
    private final boolean tracks;
    private final Map<Object, Integer> numbers = new IdentityHashMap<>();
    private final Map<Object, Boolean> open = new IdentityHashMap<>();
    private int items;

    Values(List<Object> known, boolean tracks) {
        this.known = known;
        this.tracks = tracks;
        for (int number = 0; number < known.size(); number++) numbers.put(known.get(number), number);
    }

    /** Packs what is no plain value. */
    abstract Object packOther(Object value);

    /** Makes what has a tag that is not known here. */
    abstract Object makeOther(String tag, List<?> content);

    final Object pack(Object value) {
        if (value == null || value instanceof Boolean || value instanceof String) return value;
        if (value instanceof Integer) return ((Integer) value).longValue();
        Object plain = packPlain(value);
        if (plain != null) return plain;
        if (!isContainer(value)) return packOther(value);
        if (open.containsKey(value)) throw new IllegalArgumentException("It contains itself, and cannot be copied.");
        Integer number = numbers.get(value);
        if (number != null) return List.of("same", number.longValue());
        long n = -1;
        if (tracks) {
            n = known.size();
            known.add(value);
            numbers.put(value, (int) n);
        }
        return contents(value, n);
    }

    private Object packPlain(Object value) {
        if (value instanceof Long || value instanceof Short || value instanceof Byte || value instanceof Float
            || value instanceof Double) {
            return List.of(value.getClass().getSimpleName(), value.toString());
        }
        if (value instanceof Character) return List.of("Character", value.toString());
        if (value.getClass() == BigInteger.class) return List.of("BigInteger", digits((BigInteger) value));
        if (value.getClass() == BigDecimal.class) {
            BigDecimal decimal = (BigDecimal) value;
            return List.of("BigDecimal", digits(decimal.unscaledValue()), (long) decimal.scale());
        }
        if (value instanceof LocalDate || value instanceof LocalTime || value instanceof LocalDateTime) {
            return List.of(value.getClass().getSimpleName(), value.toString());
        }
        if (!(value instanceof Optional<?>)) return null;
        Optional<?> optional = (Optional<?>) value;
        return deeper(value, () -> optional.isPresent() ? List.of("Optional", pack(optional.get())) : List.of("Optional"));
    }

    private static boolean isContainer(Object value) {
        return value instanceof Collection<?> || value instanceof Map<?, ?> || value.getClass().isArray();
    }

    /** Returns the contents of an array, list, set or map. */
    final Object contents(Object value, long n) {
        return deeper(value, () -> {
            List<Object> packed = new ArrayList<>();
            String tag = "list";
            Object component = null;
            if (value instanceof Map<?, ?>) {
                tag = "map";
                for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                    add(packed, entry.getKey());
                    add(packed, entry.getValue());
                }
            } else if (value instanceof Collection<?>) {
                tag = value instanceof Set<?> ? "set" : "list";
                for (Object item : (Collection<?>) value) add(packed, item);
            } else {
                tag = "array";
                component = value.getClass().getComponentType().getName();
                for (int index = 0; index < Array.getLength(value); index++) add(packed, Array.get(value, index));
            }
            return Arrays.asList(tag, packed, n, isFrozen(value), component);
        });
    }

    private void add(List<Object> packed, Object item) {
        if (++items > 2 * MAX_ITEMS) throw new IllegalArgumentException("It has more than " + MAX_ITEMS + " items.");
        packed.add(pack(item));
    }

    private interface Packing {
        Object pack();
    }

    private Object deeper(Object value, Packing packing) {
        if (open.size() >= MAX_DEPTH) throw new IllegalArgumentException("It has more than " + MAX_DEPTH + " levels.");
        open.put(value, true);
        try {
            return packing.pack();
        } finally {
            open.remove(value);
        }
    }

    static boolean isFrozen(Object value) {
        String name = value.getClass().getName();
        return name.startsWith("java.util.ImmutableCollections") || name.startsWith("java.util.Collections$Unmodifiable");
    }

    private static String digits(BigInteger value) {
        if (value.bitLength() > 4 * MAX_DIGITS) {
            throw new IllegalArgumentException("It has more than " + MAX_DIGITS + " digits in a number.");
        }
        return value.toString(16);
    }

    /** Makes a value of JSON. It is a RuntimeException if the data are not those of an honest side. */
    final Object unpack(Object data) {
        return unpack(data, 0);
    }

    private Object unpack(Object data, int depth) {
        if (data == null || data instanceof Boolean || data instanceof String) return data;
        if (data instanceof Long) return Math.toIntExact((Long) data);
        if (depth > MAX_DEPTH) throw new IllegalArgumentException("too deep");
        List<?> content = (List<?>) data;
        return make((String) content.get(0), content, depth);
    }

    private Object make(String tag, List<?> content, int depth) {
        switch (tag) {
            case "Long": return Long.valueOf((String) content.get(1));
            case "Short": return Short.valueOf((String) content.get(1));
            case "Byte": return Byte.valueOf((String) content.get(1));
            case "Float": return Float.valueOf(shortText(content));
            case "Double": return Double.valueOf(shortText(content));
            case "Character": return ((String) content.get(1)).charAt(0);
            case "BigInteger": return number(content);
            case "BigDecimal": return new BigDecimal(number(content), Math.toIntExact((Long) content.get(2)));
            case "LocalDate": return LocalDate.parse(shortText(content));
            case "LocalTime": return LocalTime.parse(shortText(content));
            case "LocalDateTime": return LocalDateTime.parse(shortText(content));
            case "Optional": return content.size() < 2 ? Optional.empty() : Optional.of(unpack(content.get(1), depth + 1));
            case "same": return known.get(Math.toIntExact((Long) content.get(1)));
            case "list": case "set": case "map": case "array": return container(tag, content, depth);
            default: return makeOther(tag, content);
        }
    }

    private Object container(String tag, List<?> content, int depth) {
        List<?> packed = (List<?>) content.get(1);
        items += packed.size();
        if (items > 2 * MAX_ITEMS) throw new IllegalArgumentException("too many items");
        boolean isFrozen = Boolean.TRUE.equals(content.get(3));
        int place = known.size();
        boolean isTracked = tracks && (Long) content.get(2) == place;
        if (isTracked) known.add(null); // those within come later
        List<Object> made = new ArrayList<>(packed.size());
        for (Object item : packed) made.add(unpack(item, depth + 1));
        Object value = made;
        if (tag.equals("array")) value = array(made, (String) content.get(4));
        else if (tag.equals("set")) value = new LinkedHashSet<>(made);
        else if (tag.equals("map")) value = map(made);
        if (isFrozen && tag.equals("list")) value = Collections.unmodifiableList(made);
        if (isFrozen && tag.equals("set")) value = Collections.unmodifiableSet((Set<?>) value);
        if (isFrozen && tag.equals("map")) value = Collections.unmodifiableMap((Map<?, ?>) value);
        if (isTracked) known.set(place, value);
        return value;
    }

    private static Map<Object, Object> map(List<Object> made) {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int index = 0; index < made.size(); index += 2) map.put(made.get(index), made.get(index + 1));
        return map;
    }

    private static Object array(List<Object> made, String component) {
        Class<?> type = COMPONENTS.get(component.replaceAll("^\\[+L?|;$", ""));
        int levels = component.startsWith("[") ? component.lastIndexOf('[') + 1 : 0;
        if (levels > 0 && type == null) type = primitive(component.substring(levels));
        if (type == null) type = Object.class;
        if (levels > 50) throw new IllegalArgumentException("too many dimensions");
        for (int level = 0; level < levels; level++) type = Array.newInstance(type, 0).getClass();
        return fill(Array.newInstance(type, made.size()), made);
    }

    private static Class<?> primitive(String letter) {
        int place = "ZBSCIJFD".indexOf(letter);
        return place < 0 || letter.length() != 1 ? null : List.copyOf(COMPONENTS.values()).get(place);
    }

    static Object fill(Object array, List<?> made) {
        for (int index = 0; index < made.size(); index++) Array.set(array, index, made.get(index));
        return array;
    }

    /** Gives an array, list, set or map the contents of another one of its kind. */
    @SuppressWarnings("unchecked")
    static void restore(Object target, Object source) {
        if (isFrozen(target)) throw new IllegalArgumentException("it cannot be changed");
        if (target instanceof Map<?, ?>) {
            ((Map<Object, Object>) target).clear();
            ((Map<Object, Object>) target).putAll((Map<?, ?>) source);
        } else if (target instanceof List<?> && ((List<?>) target).size() == ((List<?>) source).size()) {
            for (int index = 0; index < ((List<?>) source).size(); index++) {
                ((List<Object>) target).set(index, ((List<?>) source).get(index));
            }
        } else if (target instanceof Collection<?>) {
            ((Collection<Object>) target).clear();
            ((Collection<Object>) target).addAll((Collection<?>) source);
        } else {
            if (Array.getLength(target) != Array.getLength(source)) throw new IllegalArgumentException("another length");
            for (int index = 0; index < Array.getLength(source); index++) Array.set(target, index, Array.get(source, index));
        }
    }

    private static String shortText(List<?> content) {
        String text = (String) content.get(1);
        if (text.length() > 64) throw new IllegalArgumentException("a long number");
        return text;
    }

    private static BigInteger number(List<?> content) {
        String digits = (String) content.get(1);
        if (digits.length() > MAX_DIGITS + 2) throw new IllegalArgumentException("a long number");
        return new BigInteger(digits, 16);
    }
}
