/* A driver that is there and can do nothing. */
extern const int fake_driver;
const int fake_driver = 1;
