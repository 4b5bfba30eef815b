#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

struct entry {
  char word[16];
  int count;
  struct entry *next;
};

static struct entry *slots[SLOTS];

static struct entry *find(const char *word) {
  unsigned hash = 5381;
  for (const char *letter = word; *letter; letter++) hash = hash * 33 + (unsigned char)*letter;
  struct entry **slot = &slots[hash % SLOTS];
  for (struct entry *entry = *slot; entry; entry = entry->next)
    if (strcmp(entry->word, word) == 0) return entry;
  struct entry *entry = calloc(1, sizeof *entry);
  strcpy(entry->word, word);
  entry->next = *slot;
  return *slot = entry;
}

int main(void) {
  long long seed = 5;
  int count = 0, most = 0;
  const char *first = "";
  for (int number = 0; number < 100000; number++) {
    char word[16];
    seed = seed * 16807 % 2147483647;
    sprintf(word, "w%d", (int)(seed % 3000));
    find(word)->count++;
  }
  for (int slot = 0; slot < SLOTS; slot++)
    for (struct entry *entry = slots[slot]; entry; entry = entry->next) {
      count++;
      if (entry->count > most || (entry->count == most && strcmp(entry->word, first) < 0)) {
        most = entry->count;
        first = entry->word;
      }
    }
  printf("%d %d %s %lld\n", count, most, first, NUMBERLL);
}
