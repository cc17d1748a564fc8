/*
 The content of a file.
 */
typedef struct @{lib}_File {
  /*
   Its bytes.
   */
  const uint8_t *data;
  /*
   How many they are.
   */
  size_t length;
} @{lib}_File;

